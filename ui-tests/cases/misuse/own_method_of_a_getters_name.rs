// A method of the user's own has the name of a getter.

use actix_typed_session::{SessionState, TypedSession};

impl Shop {
    fn total(&self) -> u32 {
        self.total + 1
    }
}

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(default)]
    total: u32,
}

async fn handler(mut shop: TypedSession<Shop>) {
    shop.set_total(shop.total());
}

fn main() {
    let _ = handler;
}
