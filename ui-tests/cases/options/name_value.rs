// Underlined: `session = 1`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session = 1]
struct Shop {
    user: Option<u64>,
}

fn main() {}
