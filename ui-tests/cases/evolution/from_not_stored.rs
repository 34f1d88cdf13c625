// Underlined: `Old`.
use actix_typed_session::SessionState;

struct Old;

fn up(_: Old) -> u16 {
    0
}

fn down(_: u16) -> Old {
    Old
}

#[derive(SessionState)]
#[session(version = 2, lock = off)]
struct Shop {
    #[session(default, changed(since = 2, from = Old, up = up, down = down))]
    hits: u16,
}

fn main() {}
