// One error: the warning about an unused `down` waits until the version is right.
#![deny(deprecated)]
use actix_typed_session::SessionState;

fn split(name: Option<String>) -> (Option<String>, Option<String>) {
    (name, None)
}

fn join((first, _): (Option<String>, Option<String>)) -> Option<String> {
    first
}

#[derive(SessionState)]
#[session(name = "inn", version = 3)]
#[session(step(since = 2, from(name: Option<String>), to(first, last), up = split, down = join))]
struct Inn {
    #[session(since = 2)]
    first: Option<String>,
    #[session(since = 2)]
    last: Option<String>,
    #[session(since = 3)]
    room: Option<u8>,
    #[session(since = 2)]
    floor: Option<u8>,
}

fn main() {}
