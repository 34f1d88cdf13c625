// Underlined: `changed`, twice, and `changed` of `size`.
use actix_typed_session::SessionState;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Address {
    street: String,
    city: Option<String>,
}

#[derive(SessionState)]
#[session(name = "shop", version = 2, lock = off)]
struct Shop {
    #[session(changed(since = 2, compatible, from = Option<String>))]
    address: Option<Address>,
    #[session(changed(compatible))]
    other: Option<Address>,
    #[session(default, changed(since = 2, compatible))]
    size: u16,
}

fn main() {}
