// Underlined: the string.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1, crate = "actix_typed_session")]
struct Shop {
    user: Option<u64>,
}

fn main() {}
