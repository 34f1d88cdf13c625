// Underlined: `HashMap<String, Vec<u8>>`.
use actix_typed_session::SessionState;
use std::collections::HashMap;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    files: HashMap<String, Vec<u8>>,
}

fn main() {}
