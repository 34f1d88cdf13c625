// Underlined: `b`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(getter = "b")]
    a: Option<u64>,
    b: Option<u64>,
}

fn main() {}
