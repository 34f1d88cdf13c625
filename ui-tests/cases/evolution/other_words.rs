// Words that mean another option.

use actix_typed_session::SessionState;

fn narrow(size: u16) -> u8 {
    size.to_le_bytes()[0]
}

#[derive(SessionState)]
#[session(version = 2, lock = off, removed(name = "theme", type = String, since = 2))]
struct Shop {
    #[session(default, changed(since = 2, ty = u8, with = u16::from, down = narrow))]
    size: u16,
    #[session(default, changed(in = 2, from = u8, up = u16::from, down = narrow))]
    width: u16,
}

fn main() {}
