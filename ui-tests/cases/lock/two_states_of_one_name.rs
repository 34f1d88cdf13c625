// Underlined: the name, and nothing about versions or fields, which belong to another state.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(name = "shop", version = 1)]
struct Basket {
    #[session(default)]
    items: Vec<u32>,
}

fn main() {}
