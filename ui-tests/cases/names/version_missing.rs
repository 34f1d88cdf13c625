// Underlined: `Shop`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
struct Shop {
    user: Option<u64>,
}

fn main() {}
