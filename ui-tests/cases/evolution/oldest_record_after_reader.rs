// Underlined: `3`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 3, oldest_reader = 2, oldest_record = 3)]
struct Shop {
    #[session(since = 2)]
    user: Option<u64>,
    #[session(since = 3)]
    nick: Option<String>,
}

fn main() {}
