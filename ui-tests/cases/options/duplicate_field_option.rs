// Underlined: the second `key`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(key = "a")]
    #[session(key = "b")]
    user: Option<u64>,
}

fn main() {}
