// Underlined: `Line`, once, with what `Line` needs.
use actix_typed_session::SessionState;

struct Line;

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(default)]
    cart: Vec<Line>,
}

fn main() {}
