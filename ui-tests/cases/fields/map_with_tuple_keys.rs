// Underlined: `(u8, u8)`.
use actix_typed_session::SessionState;
use std::collections::HashMap;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(default)]
    board: HashMap<(u8, u8), u8>,
}

fn main() {}
