// Underlined: `name` in `to`.
use actix_typed_session::SessionState;

fn split(name: Option<String>) -> (Option<String>, Option<String>) {
    (name, None)
}

fn join((first, _): (Option<String>, Option<String>)) -> Option<String> {
    first
}

#[derive(SessionState)]
#[session(version = 2, step(since = 2, from(name: Option<String>), to(name, last), up = split, down = join))]
struct Shop {
    #[session(since = 2)]
    last: Option<String>,
}

fn main() {}
