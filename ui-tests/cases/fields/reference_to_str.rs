// Underlined: `&'static str`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(default)]
    name: &'static str,
}

fn main() {}
