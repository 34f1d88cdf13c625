// Underlined: `9`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 9, oldest_record = 2)]
struct Shop {
    #[session(since = 4)]
    user: Option<u64>,
}

fn main() {}
