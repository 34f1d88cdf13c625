// Underlined: `removed`, three times.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 2)]
#[session(removed(key = "a", since = 2), removed(from = u8, since = 2), removed(key = "c", from = u8))]
struct Shop {
    user: Option<u64>,
}

fn main() {}
