// Underlined: `reset_on_sign_in`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(principal, reset_on_sign_in)]
    user: Option<u64>,
}

fn main() {}
