// An option with a colon.

use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version: 1, lock = off)]
struct Shop {
    #[session(default: 3)]
    hits: u32,
}

fn main() {}
