// The handle has the name of a keyword.

use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1, lock = off, handle = "fn")]
struct Shop {
    hits: Option<u8>,
}

fn main() {}
