// An array that serde does not know.

use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    digest: Option<[u8; 64]>,
}

fn main() {}
