// Underlined: `union`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
union Shop {
    user: u64,
}

fn main() {}
