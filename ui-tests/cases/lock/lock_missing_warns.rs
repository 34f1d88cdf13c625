// Underlined: `Visitor`. Without `deny` it is a warning.
#![deny(deprecated)]

use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(name = "no_such", version = 1)]
struct Visitor {
    user: Option<u64>,
}

fn main() {}
