// Underlined: `Self`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    inner: Option<Box<Self>>,
}

fn main() {}
