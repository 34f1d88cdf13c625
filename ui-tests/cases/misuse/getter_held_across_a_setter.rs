// What a getter returned is used after a setter.

use actix_typed_session::{SessionState, TypedSession};

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(default)]
    hits: u32,
    nick: Option<String>,
}

async fn handler(mut shop: TypedSession<Shop>) -> usize {
    let nick = shop.nick();
    shop.set_hits(3);
    nick.map_or(0, str::len)
}

fn main() {
    let _ = handler;
}
