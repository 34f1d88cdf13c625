// Underlined: `first`, `last`.
use actix_typed_session::SessionState;

fn up(name: Option<String>) -> (Option<String>, Option<String>) {
    (name, None)
}

#[derive(SessionState)]
#[session(version = 2, lock = off)]
#[session(step(since = 2, from(name: Option<String>), to(first: Option<String>, last: Option<String>), up = up))]
struct Shop {
    #[session(since = 2)]
    first: Option<String>,
    #[session(since = 2)]
    last: Option<String>,
}

fn main() {}
