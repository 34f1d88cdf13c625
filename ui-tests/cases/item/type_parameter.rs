// Underlined: `T`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop<T> {
    user: Option<T>,
}

fn main() {}
