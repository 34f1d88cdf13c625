// Underlined: `verison`, with the option that was meant, and nothing about a missing version.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(verison = 1)]
struct Shop {
    user: Option<u64>,
}

fn main() {}
