// Underlined: `&'static Line`.
use actix_typed_session::SessionState;

struct Line;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    line: Option<&'static Line>,
}

fn main() {}
