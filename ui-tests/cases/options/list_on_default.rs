// Underlined: `default`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(default(3))]
    hits: u32,
}

fn main() {}
