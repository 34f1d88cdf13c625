// Values are given by their places.

use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 2, lock = off, removed("theme", String, 2))]
struct Shop {
    #[session(default, changed(2, u8, u16::from))]
    size: u16,
}

fn main() {}
