// Underlined: `session`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session]
struct Shop {
    user: Option<u64>,
}

fn main() {}
