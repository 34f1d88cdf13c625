// A warning, because the version may have been raised too early; `oldest_reader` has its default.
#![deny(warnings)]
use actix_typed_session::SessionState;

fn up(old: Option<u8>) -> Option<u16> {
    old.map(u16::from)
}

fn down(new: Option<u16>) -> Option<u8> {
    new.and_then(|new| u8::try_from(new).ok())
}

#[derive(SessionState)]
#[session(version = 4, lock = off)]
struct Shop {
    #[session(changed(since = 3, from = Option<u8>, up = up, down = down))]
    size: Option<u16>,
    #[session(since = 2)]
    a: Option<u8>,
    #[session(since = 4)]
    b: Option<u8>,
}

fn main() {}
