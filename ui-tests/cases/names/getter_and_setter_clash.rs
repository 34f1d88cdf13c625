// Underlined: `set_a`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    a: Option<u64>,
    set_a: Option<u64>,
}

fn main() {}
