// Underlined: `Shop`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop;

fn main() {}
