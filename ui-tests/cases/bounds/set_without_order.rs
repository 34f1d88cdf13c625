// An item of an ordered set, inside of another container, has no order.

use actix_typed_session::SessionState;

use std::collections::BTreeSet;

#[derive(PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
struct Sku(u32);

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(default)]
    seen: Vec<BTreeSet<Sku>>,
}

fn main() {}
