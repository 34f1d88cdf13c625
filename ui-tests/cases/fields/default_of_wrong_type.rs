// Underlined: `"three"`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(default = "three")]
    hits: u32,
}

fn main() {}
