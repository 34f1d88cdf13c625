// Underlined: `900`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(expires_after = 900)]
    code: Option<String>,
}

fn main() {}
