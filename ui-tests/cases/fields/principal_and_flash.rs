// Underlined: `flash`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(principal, flash)]
    user: Option<u64>,
}

fn main() {}
