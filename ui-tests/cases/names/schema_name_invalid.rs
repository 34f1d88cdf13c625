// Underlined: `"Shop Cart"`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(name = "Shop Cart", version = 1)]
struct Shop {
    user: Option<u64>,
}

fn main() {}
