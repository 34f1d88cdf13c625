// A value is moved out of a handle.

use actix_typed_session::{SessionState, TypedSession};

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    nick: Option<String>,
}

async fn handler(shop: TypedSession<Shop>) -> String {
    shop.nick.unwrap_or_default()
}

fn main() {
    let _ = handler;
}
