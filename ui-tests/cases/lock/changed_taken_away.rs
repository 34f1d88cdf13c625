// Underlined: `size`.
use actix_typed_session::{SessionState, SessionValue};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize, SessionValue)]
struct Line {
    sku: u32,
}

#[derive(Default, Serialize, Deserialize)]
struct Foreign(u8);

#[derive(SessionState)]
#[session(name = "shop", version = 2, oldest_reader = 2, removed(key = "theme", from = String, since = 2))]
struct Shop {
    user: Option<u64>,
    nick: Option<String>,
    #[session(default)]
    cart: Vec<u32>,
    #[session(default)]
    lines: Vec<Line>,
    #[session(default)]
    foreign: Foreign,
    #[session(since = 2, default = "en".to_owned())]
    locale: String,
    #[session(default)]
    size: u8,
}

fn main() {}
