// Underlined: `up`.
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
    #[session(default, since = 2, changed(since = 4, from = u8, up = up))]
    hits: u16,
    #[session(since = 3)]
    user: Option<u64>,
}

fn main() {}
