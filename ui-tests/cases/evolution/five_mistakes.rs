// Underlined: five places.
use actix_typed_session::SessionState;

fn up(old: u8) -> u16 {
    old.into()
}

fn down(new: u16) -> u8 {
    new.try_into().unwrap_or(u8::MAX)
}

#[derive(SessionState)]
#[session(version = 3, oldest_reader = 5, removed(from = u8, since = 9))]
struct Shop {
    #[session(since = 1)]
    a: Option<u8>,
    #[session(default, changed(since = 2, from = u8, up = up, dwon = down))]
    b: u16,
    #[session(since = 3)]
    c: Option<u8>,
}

fn read(shop: &ShopHandle) -> u16 {
    shop.b()
}

fn main() {}
