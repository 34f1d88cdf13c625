// Underlined: the `3` of `first`, and nothing about an unused version.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(name = "inn", version = 3, oldest_reader = 2, oldest_record = 2)]
struct Inn {
    #[session(since = 3)]
    first: Option<String>,
    #[session(since = 3)]
    last: Option<String>,
    #[session(since = 3)]
    room: Option<u8>,
}

fn main() {}
