// Underlined: `"0m"`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(expires_after = "0m")]
    code: Option<String>,
}

fn main() {}
