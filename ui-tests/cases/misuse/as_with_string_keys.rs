// The methods of sessions with string keys.

use actix_typed_session::{SessionState, TypedSession};

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(default)]
    hits: u32,
}

async fn handler(mut shop: TypedSession<Shop>) {
    let hits = shop.get::<u32>("hits");
    shop.insert("hits", 3);
    shop.purge();
}

fn main() {
    let _ = handler;
}
