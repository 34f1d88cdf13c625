// Underlined: `"session"`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(name = "session", version = 1)]
struct Shop {
    user: Option<u64>,
}

fn main() {}
