// Underlined: `principal`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1, principal)]
struct Shop {
    user: Option<u64>,
}

fn main() {}
