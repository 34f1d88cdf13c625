// Underlined: `admin`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(name = "club", version = 2, removed(key = "user", from = Option<u64>, since = 2))]
struct Club {
    #[session(principal)]
    admin: Option<u64>,
    #[session(default, reset_on_sign_in)]
    role: u8,
}

fn main() {}
