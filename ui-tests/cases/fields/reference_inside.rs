// Underlined: `&'static [u8]`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    bytes: Option<&'static [u8]>,
}

fn main() {}
