// Underlined: `last`, which the step still writes, and the second `last`, of a step that is down to its wire keys.
use actix_typed_session::SessionState;

fn split(name: Option<String>) -> (Option<String>, Option<String>) {
    (name, None)
}

#[derive(SessionState)]
#[session(version = 4, lock = off, oldest_reader = 3)]
#[session(step(since = 3, from(name: Option<String>), to(first, last), up = split))]
#[session(removed(key = "last", from = Option<String>, since = 4))]
struct Shop {
    #[session(since = 3)]
    first: Option<String>,
}

#[derive(SessionState)]
#[session(name = "later", version = 4, lock = off, oldest_reader = 3, oldest_record = 3)]
#[session(step(since = 3, from(name), to(first, last)))]
#[session(removed(key = "last", from = Option<String>, since = 4))]
struct Later {
    #[session(since = 3)]
    first: Option<String>,
}

fn main() {}
