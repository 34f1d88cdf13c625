// A list is changed through the handle, which only shows it.

use actix_typed_session::{SessionState, TypedSession};

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(default)]
    cart: Vec<u32>,
}

async fn handler(mut shop: TypedSession<Shop>) {
    shop.cart.push(1);
}

fn main() {
    let _ = handler;
}
