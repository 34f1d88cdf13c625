// Underlined: `expires_after`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(principal, expires_after = "12h")]
    user: Option<u64>,
}

fn main() {}
