// Underlined: `V`, and nothing about a missing version.
use actix_typed_session::SessionState;

const V: u16 = 1;

#[derive(SessionState)]
#[session(version = V)]
struct Shop {
    user: Option<u64>,
}

fn main() {}
