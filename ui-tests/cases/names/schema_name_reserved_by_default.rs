// Underlined: `Session`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Session {
    user: Option<u64>,
}

fn main() {}
