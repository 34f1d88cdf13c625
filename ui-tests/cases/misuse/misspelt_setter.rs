// Underlined: `set_hit`, with the setter that was meant.
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

async fn handler(mut shop: TypedSession<Shop>) {
    shop.set_hit(3);
}

fn main() {
    let _ = handler;
}
