// A type of another crate without serde.

use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    opened: Option<std::time::Instant>,
}

fn main() {}
