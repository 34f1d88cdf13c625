// The key of a map lacks `Eq` and `Hash`.

use actix_typed_session::SessionState;

use std::collections::HashMap;

#[derive(serde::Serialize, serde::Deserialize)]
struct Sku(u32);

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(default)]
    lines: HashMap<Sku, u32>,
}

fn main() {}
