// The handle has no name of a type.

use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1, lock = off, handle = "shop-handle")]
struct Shop {
    hits: Option<u8>,
}

fn main() {}
