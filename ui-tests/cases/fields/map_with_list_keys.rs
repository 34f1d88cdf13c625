// Underlined: `Vec<u8>`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    board: Option<std::collections::BTreeMap<Vec<u8>, u8>>,
}

fn main() {}
