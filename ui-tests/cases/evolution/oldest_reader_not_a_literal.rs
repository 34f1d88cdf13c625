// Underlined: `NOW`.
use actix_typed_session::SessionState;

const NOW: u16 = 1;

#[derive(SessionState)]
#[session(version = 1, oldest_reader = NOW)]
struct Shop {
    user: Option<u64>,
}

fn main() {}
