// Underlined: `session`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    session: Option<u64>,
}

fn main() {}
