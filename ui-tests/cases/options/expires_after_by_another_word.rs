// Underlined: `ttl`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(ttl = "15m")]
    code: Option<String>,
}

fn main() {}
