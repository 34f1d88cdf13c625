// Underlined: `0`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(since = 0)]
    user: Option<u64>,
}

fn main() {}
