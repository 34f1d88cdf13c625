// Underlined: `version`, and nothing about a missing version.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(name = "shop" version = 1)]
struct Shop {
    user: Option<u64>,
}

fn main() {}
