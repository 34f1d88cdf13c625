// Underlined: `3`, and nothing about `session`, which it was meant to get out of the way.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(getter = 3)]
    session: Option<u64>,
}

fn main() {}
