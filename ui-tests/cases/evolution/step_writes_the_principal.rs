// Underlined: `user`.
use actix_typed_session::SessionState;

fn up(old: u8) -> u16 {
    old.into()
}

fn down(new: u16) -> u8 {
    new.try_into().unwrap_or(u8::MAX)
}

#[derive(SessionState)]
#[session(version = 2, step(since = 2, from(login: Option<u8>), to(user), up = up, down = down))]
struct Shop {
    #[session(principal, since = 2)]
    user: Option<u16>,
}

fn main() {}
