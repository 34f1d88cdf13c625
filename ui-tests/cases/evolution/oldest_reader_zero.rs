// Underlined: `0`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1, oldest_reader = 0)]
struct Shop {
    user: Option<u64>,
}

fn main() {}
