// Underlined: `Vec<Line>` in `from`: the present `Line` is not the one that was stored.
use actix_typed_session::{SessionState, SessionValue};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize, SessionValue)]
struct Line {
    sku: u32,
    quantity: u32,
}

#[derive(Default, Serialize, Deserialize)]
struct Foreign(u8);

#[derive(SessionState)]
#[session(name = "shop", version = 3, oldest_reader = 2, removed(key = "theme", from = String, since = 2))]
struct Shop {
    user: Option<u64>,
    nick: Option<String>,
    #[session(default)]
    cart: Vec<u32>,
    #[session(changed(since = 3, from = Vec<Line>, up = many, down = one))]
    lines: Option<Vec<Line>>,
    #[session(default)]
    foreign: Foreign,
    #[session(since = 2, default = "en".to_owned())]
    locale: String,
    #[session(default, changed(since = 2, from = u8, up = wider))]
    size: u16,
}

fn wider(size: u8) -> u16 {
    size.into()
}

fn many(lines: Vec<Line>) -> Option<Vec<Line>> {
    Some(lines)
}

fn one(lines: Option<Vec<Line>>) -> Vec<Line> {
    lines.unwrap_or_default()
}

fn main() {}
