// Underlined: `role`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(name = "club", version = 1)]
struct Club {
    admin: Option<u64>,
    #[session(default)]
    role: u8,
    #[session(principal)]
    user: Option<u64>,
}

fn main() {}
