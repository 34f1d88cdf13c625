// Underlined: `"$shop"`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 2, removed(key = "$shop", from = u32, since = 2))]
struct Shop {
    user: Option<u64>,
}

fn main() {}
