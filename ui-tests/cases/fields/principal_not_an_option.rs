// Underlined: `u64`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(principal)]
    user: u64,
}

fn main() {}
