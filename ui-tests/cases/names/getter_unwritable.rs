// Underlined: `"self"`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(getter = "self")]
    user: Option<u64>,
}

fn main() {}
