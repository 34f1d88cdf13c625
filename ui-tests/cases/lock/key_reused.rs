// Underlined: the version from which the field is said to be there.
use actix_typed_session::{SessionState, SessionValue};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize, SessionValue)]
struct Line {
    sku: u32,
}

#[derive(Default, Serialize, Deserialize)]
struct Foreign(u8);

#[derive(SessionState)]
#[session(name = "shop", version = 3, oldest_reader = 2)]
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
    #[session(default, changed(since = 2, from = u8, up = wider))]
    size: u16,
    #[session(default, since = 3)]
    theme: String,
}

fn wider(size: u8) -> u16 {
    size.into()
}

fn main() {}
