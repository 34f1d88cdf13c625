// Underlined: `enum`, and nothing about its missing version.
use actix_typed_session::SessionState;

#[derive(SessionState)]
enum Shop {
    Open,
}

fn main() {}
