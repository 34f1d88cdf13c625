// Underlined: `expires_after`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(expires_after = "1 h")]
    user: Option<u64>,
}

fn main() {}
