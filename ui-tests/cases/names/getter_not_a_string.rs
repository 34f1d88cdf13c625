// Underlined: `3`, and nothing about the name `session`, which the option was meant to avoid.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(getter = 3)]
    session: Option<u64>,
}

fn main() {}
