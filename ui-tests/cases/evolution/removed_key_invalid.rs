// Underlined: `"the theme"`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 2, removed(key = "the theme", from = String, since = 2))]
struct Shop {
    user: Option<u64>,
}

fn main() {}
