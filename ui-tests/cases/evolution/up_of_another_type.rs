// Underlined: `wrong`.
use actix_typed_session::SessionState;

fn up(old: u8) -> u16 {
    old.into()
}

fn down(new: u16) -> u8 {
    new.try_into().unwrap_or(u8::MAX)
}

fn wrong(old: i8) -> i8 {
    old
}

#[derive(SessionState)]
#[session(version = 2, lock = off)]
struct Shop {
    #[session(default, changed(since = 2, from = u8, up = wrong, down = down))]
    hits: u16,
}

fn main() {}
