// Underlined: the second `principal`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(principal)]
    user: Option<u64>,
    #[session(principal)]
    admin: Option<u64>,
}

fn main() {}
