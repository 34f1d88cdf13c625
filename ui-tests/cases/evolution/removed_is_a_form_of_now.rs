// Underlined: `"hits@2"`.
use actix_typed_session::SessionState;

fn up(old: u8) -> u16 {
    old.into()
}

fn down(new: u16) -> u8 {
    new.try_into().unwrap_or(u8::MAX)
}

#[derive(SessionState)]
#[session(version = 2, removed(key = "hits@2", from = u16, since = 2))]
struct Shop {
    #[session(default, changed(since = 2, from = u8, up = up, down = down))]
    hits: u16,
}

fn main() {}
