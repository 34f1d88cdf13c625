// Underlined: `version`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(version = 2)]
    user: Option<u64>,
}

fn main() {}
