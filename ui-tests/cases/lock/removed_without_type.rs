// Underlined: `removed`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(name = "shop", version = 3, removed(key = "cart", since = 3))]
struct Shop {
    user: Option<u64>,
}

fn main() {}
