// Underlined: `Option<u8>`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    choice: Option<Option<u8>>,
}

fn main() {}
