// Underlined: the second `"theme"`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 2)]
#[session(removed(key = "theme", from = String, since = 2), removed(key = "theme", from = String, since = 2))]
struct Shop {
    user: Option<u64>,
}

fn main() {}
