// Underlined: `expires_after`.
use actix_typed_session::SessionState;

fn split(name: Option<String>) -> (Option<String>, Option<String>) {
    (name, None)
}

fn join((first, _): (Option<String>, Option<String>)) -> Option<String> {
    first
}

#[derive(SessionState)]
#[session(version = 2, step(since = 2, from(name: Option<String>), to(first, last), up = split, down = join))]
struct Shop {
    #[session(since = 2, expires_after = "5m")]
    first: Option<String>,
    #[session(since = 2, expires_after = "6m")]
    last: Option<String>,
}

fn main() {}
