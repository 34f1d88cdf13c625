// A struct that does not derive `SessionState`.

use actix_typed_session::TypedSession;

struct Shop {
    hits: u32,
}

async fn handler(shop: TypedSession<Shop>) -> String {
    shop.hits.to_string()
}

fn main() {
    let _ = handler;
}
