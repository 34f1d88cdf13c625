// Underlined: `Old`.
use actix_typed_session::SessionState;

struct Old;

#[derive(SessionState)]
#[session(version = 2, lock = off, removed(key = "old", from = Old, since = 2))]
struct Shop {
    user: Option<u64>,
}

fn main() {}
