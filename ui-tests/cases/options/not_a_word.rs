// Underlined: `"version"`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session("version", version = 1)]
struct Shop {
    user: Option<u64>,
}

fn main() {}
