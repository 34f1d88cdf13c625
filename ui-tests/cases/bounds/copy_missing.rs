// A getter cannot copy what is not `Copy`.

use actix_typed_session::SessionState;

#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Sku(u32);

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(copy)]
    last: Option<Sku>,
    #[session(copy, default)]
    first: Sku,
}

fn main() {}
