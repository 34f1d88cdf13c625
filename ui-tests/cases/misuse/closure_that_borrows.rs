// Underlined: the closure, with `move` suggested.
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
    let more = 2;
    shop.update_hits(|hits| *hits += more);
}

fn main() {
    let _ = handler;
}
