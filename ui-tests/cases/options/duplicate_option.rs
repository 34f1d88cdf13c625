// Underlined: the second `version`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1, version = 2)]
struct Shop {
    user: Option<u64>,
}

fn main() {}
