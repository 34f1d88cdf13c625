// Underlined: `"!"`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(getter = "!")]
    seen: Option<u64>,
}

fn main() {}
