// Underlined: `9`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 4, oldest_record = 3)]
struct Shop {
    #[session(since = 4)]
    user: Option<u64>,
    #[session(since = 9)]
    nick: Option<String>,
}

fn main() {}
