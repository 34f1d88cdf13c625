// Underlined: `set_hits` and `hits`, whose field is private.
use actix_typed_session::TypedSession;

mod shop {
    #[derive(actix_typed_session::SessionState)]
    #[session(version = 1, lock = off)]
    pub struct Shop {
        #[session(default)]
        hits: u32,
    }
}

async fn handler(mut shop: TypedSession<shop::Shop>) {
    shop.set_hits(shop.hits());
}

fn main() {}
