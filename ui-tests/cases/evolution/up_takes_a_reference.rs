// Underlined: `up`.
use actix_typed_session::SessionState;

fn up(old: &mut u8) -> u16 {
    u16::from(*old)
}

fn down(new: u16) -> u8 {
    new.try_into().unwrap_or(u8::MAX)
}

#[derive(SessionState)]
#[session(version = 2, lock = off)]
struct Shop {
    #[session(default, changed(since = 2, from = u8, up = up, down = down))]
    hits: u16,
}

fn main() {}
