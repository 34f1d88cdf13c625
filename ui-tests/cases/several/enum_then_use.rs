// Underlined: `enum`, and nothing in the handler.
use actix_typed_session::{SessionState, TypedSession};

#[derive(SessionState)]
enum Shop {
    Open,
}

async fn handler(shop: TypedSession<Shop>) {
    shop.session();
}

fn main() {
    let _ = (handler, Shop::Open);
}
