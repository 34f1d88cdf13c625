// Underlined: `removed`, and not the step, which keeps the data.
use actix_typed_session::SessionState;

fn split(name: Option<String>) -> (Option<String>, Option<String>) {
    (name, None)
}

fn join((first, _): (Option<String>, Option<String>)) -> Option<String> {
    first
}

#[derive(SessionState)]
#[session(version = 2, removed(key = "name", from = String, since = 2))]
#[session(step(since = 2, from(name: Option<String>), to(first, last), up = split, down = join))]
struct Shop {
    #[session(since = 2)]
    first: Option<String>,
    #[session(since = 2)]
    last: Option<String>,
}

fn main() {}
