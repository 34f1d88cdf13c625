// Underlined: `Old`.
use actix_typed_session::SessionState;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Old(u8);

fn up((a, b): (Old, u8)) -> Option<u16> {
    Some(u16::from(a.0) + u16::from(b))
}

fn down(_: Option<u16>) -> (Old, u8) {
    (Old(0), 0)
}

#[derive(SessionState)]
#[session(version = 2, lock = off, step(since = 2, from(a: Old, b: u8), to(c), up = up, down = down))]
struct Shop {
    #[session(since = 2)]
    c: Option<u16>,
}

fn main() {}
