// A closure cannot wait for anything.

use actix_typed_session::{SessionState, TypedSession};

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(default)]
    hits: u32,
}

async fn count() -> u32 {
    1
}

async fn handler(mut shop: TypedSession<Shop>) {
    shop.update_hits(|hits| *hits += count().await);
}

fn main() {
    let _ = handler;
}
