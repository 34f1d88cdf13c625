// Underlined: `colour`, with every option of a struct.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1, colour = 3)]
struct Shop {
    user: Option<u64>,
}

fn main() {}
