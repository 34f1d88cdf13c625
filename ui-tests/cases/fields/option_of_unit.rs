// Underlined: `()`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(default)]
    seen: Vec<Option<()>>,
}

fn main() {}
