// Underlined: `defualt`, with the option that was meant, and nothing about a missing default.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(defualt)]
    hits: u32,
}

fn main() {}
