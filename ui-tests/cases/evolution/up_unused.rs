// Underlined: `up` and `split`; not `later`, which version 3 uses.
#![deny(deprecated)]
use actix_typed_session::SessionState;

fn up(old: u8) -> u16 {
    old.into()
}

fn later(old: u16) -> u32 {
    old.into()
}

fn merge(old: u8, _: u16) -> u16 {
    old.into()
}

fn split(name: Option<String>) -> (Option<String>, Option<String>) {
    (name, None)
}

#[derive(SessionState)]
#[session(version = 3, lock = off, oldest_reader = 3, oldest_record = 2)]
#[session(step(since = 2, from(name: Option<String>), to(first, last), up = split))]
struct Shop {
    #[session(default, changed(since = 2, from = u8, up = up, merge = merge), changed(since = 3, from = u16, up = later))]
    hits: u32,
    #[session(default, changed(since = 2))]
    visits: u16,
    #[session(since = 2)]
    first: Option<String>,
    #[session(since = 2)]
    last: Option<String>,
}

fn main() {}
