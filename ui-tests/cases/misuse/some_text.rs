// An optional text that is borrowed.

use actix_typed_session::{SessionState, TypedSession};

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    nick: Option<String>,
}

async fn handler(mut shop: TypedSession<Shop>) {
    shop.set_nick(Some("a"));
}

fn main() {
    let _ = handler;
}
