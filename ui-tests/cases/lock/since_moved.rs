// Underlined: the `3` of `first`; nothing of a version in which nothing changes.
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
