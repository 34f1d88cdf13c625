// Underlined: the `2` of `changed`: a field changes once per version.
use actix_typed_session::SessionState;

fn up(old: u8) -> u16 {
    old.into()
}

fn down(new: u16) -> u8 {
    new.try_into().unwrap_or(u8::MAX)
}

#[derive(SessionState)]
#[session(version = 2, step(since = 2, from(clicks: u16), to(hits), up = std::convert::identity, down = std::convert::identity))]
struct Shop {
    #[session(default, since = 2, changed(since = 2, from = u8, up = up, down = down))]
    hits: u16,
}

fn main() {}
