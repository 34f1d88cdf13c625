// Underlined: each wire key with `shop.` in front.
use actix_typed_session::SessionState;

fn split(name: String) -> (String, String) {
    (name, String::new())
}

fn join((first, _): (String, String)) -> String {
    first
}

#[derive(SessionState)]
#[session(version = 2, lock = off, removed(key = "shop.theme", from = String, since = 2))]
#[session(step(since = 2, from("shop.name": String), to("shop.first", last), up = split, down = join))]
struct Shop {
    #[session(default, key = "shop.size")]
    size: u8,
    #[session(default, since = 2)]
    first: String,
    #[session(default, since = 2)]
    last: String,
}

fn main() {}
