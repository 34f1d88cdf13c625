// What is inside a handle has no methods.

use actix_typed_session::{SessionState, TypedSession};

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(default)]
    hits: u32,
}

async fn handler(mut shop: TypedSession<Shop>) {
    shop.0.set(0, 3, |shop| &mut shop.hits);
}

fn main() {
    let _ = handler;
}
