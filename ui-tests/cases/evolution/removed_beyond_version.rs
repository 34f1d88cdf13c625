// Underlined: `2`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1, removed(key = "theme", from = String, since = 2))]
struct Shop {
    user: Option<u64>,
}

fn main() {}
