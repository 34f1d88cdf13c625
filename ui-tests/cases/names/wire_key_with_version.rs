// Underlined: `"user@2"`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(key = "user@2")]
    user: Option<u64>,
}

fn main() {}
