// Underlined: the version, and the type, which the compiler refuses in any version.
use actix_typed_session::{SessionState, SessionValue};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize, SessionValue)]
struct Line {
    sku: u32,
}

#[derive(Default, Serialize, Deserialize)]
struct Foreign(u8);

#[derive(SessionState)]
#[session(name = "cafe", version = 3, oldest_reader = 1, removed(key = "theme", from = String, since = 2))]
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
    #[session(default, changed(since = 2, from = u8, up = wider, down = missing))]
    size: u16,
    #[session(default, since = 3)]
    zone: u8,
    #[session(since = 3, default = "en")]
    language: String,
}

fn wider(size: u8) -> u32 {
    size.into()
}

fn main() {}
