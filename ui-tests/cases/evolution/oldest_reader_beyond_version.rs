// Underlined: `4`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 3, oldest_reader = 4)]
struct Shop {
    #[session(since = 2)]
    user: Option<u64>,
    #[session(since = 3)]
    nick: Option<String>,
}

fn main() {}
