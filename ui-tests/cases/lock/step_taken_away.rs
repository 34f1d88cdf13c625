// Underlined: `first` and `last`, which a released step writes.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(name = "inn", version = 2, removed(key = "name", from = Option<String>, since = 2))]
struct Inn {
    #[session(since = 2)]
    first: Option<String>,
    #[session(since = 2)]
    last: Option<String>,
}

fn main() {}
