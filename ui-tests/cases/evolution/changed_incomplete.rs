// Underlined: `changed`, three times.
use actix_typed_session::SessionState;

fn up(old: u8) -> u16 {
    old.into()
}

fn down(new: u16) -> u8 {
    new.try_into().unwrap_or(u8::MAX)
}

#[derive(SessionState)]
#[session(version = 4)]
struct Shop {
    #[session(default, changed(since = 2, from = u8))]
    a: u16,
    #[session(default, changed(since = 3, up = up, down = down))]
    b: u16,
    #[session(default, changed(from = u8, up = up, down = down))]
    c: u16,
    #[session(since = 4)]
    d: Option<u8>,
}

fn main() {}
