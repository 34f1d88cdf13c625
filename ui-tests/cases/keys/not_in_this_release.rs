// Underlined: `lock` and `secret`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(secret)]
    user: Option<u64>,
}

fn main() {}
