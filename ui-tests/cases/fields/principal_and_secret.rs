// Underlined: `secret`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(principal, secret)]
    user: Option<u64>,
}

fn main() {}
