// Underlined: `type`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 2, removed(key = "theme", type = String, since = 2))]
struct Shop {
    user: Option<u64>,
}

fn main() {}
