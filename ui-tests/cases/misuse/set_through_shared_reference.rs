// Underlined: `shop`, which needs `mut`.
use actix_typed_session::{SessionState, TypedSession};

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(principal)]
    user: Option<u64>,
    #[session(default)]
    hits: u32,
    nick: Option<String>,
}

async fn handler(shop: TypedSession<Shop>) {
    shop.set_hits(3);
}

fn main() {
    let _ = handler;
}
