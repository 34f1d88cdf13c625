// Underlined: `70000`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 70000)]
struct Shop {
    user: Option<u64>,
}

fn main() {}
