// Underlined: `verison`, and nothing in the handlers, which use the state correctly.
use actix_typed_session::{SessionState, TypedSession};

#[derive(SessionState)]
#[session(verison = 1)]
struct Shop {
    #[session(principal)]
    user: Option<u64>,
    #[session(default)]
    cart: Vec<u32>,
    #[session(flash)]
    notice: Option<String>,
    #[session(default)]
    name: String,
}

async fn handler(mut shop: TypedSession<Shop>) -> usize {
    shop.set_user(3);
    shop.update_cart(|cart| cart.push(1));
    shop.set_notice("added");
    let _ = (shop.user(), shop.take_notice(), shop.name().len(), shop.cart.len());
    shop.set_name("x");
    let _ = shop.try_update(|shop| shop.cart.pop()).await;
    shop.session();
    shop.cart().len()
}

fn main() {
    let _ = handler;
}
