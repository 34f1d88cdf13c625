// The handle has the name of the state.

use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1, lock = off, handle = "Shop")]
struct Shop {
    hits: Option<u8>,
}

fn main() {}
