// Underlined: the name. Nothing is said of versions or fields, which are another state's.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(name = "shop", version = 1)]
struct Basket {
    #[session(default)]
    items: Vec<u32>,
}

fn main() {}
