// Underlined: `_` (twice: the compiler does not want it either).
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    list: Option<Vec<_>>,
}

fn main() {}
