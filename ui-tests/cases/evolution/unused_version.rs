// Underlined: `3`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 3, lock = off)]
struct Shop {
    #[session(since = 2)]
    user: Option<u64>,
}

fn main() {}
