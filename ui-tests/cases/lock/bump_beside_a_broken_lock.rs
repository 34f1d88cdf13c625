// Underlined: `Shop`, and not the version.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(name = "edited", version = 3, removed(key = "theme", from = String, since = 2))]
struct Shop {
    user: Option<u64>,
}

fn main() {}
