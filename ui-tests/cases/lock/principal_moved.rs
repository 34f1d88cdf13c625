// Underlined: `user`, which is the principal in the lock.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(name = "club", version = 1)]
struct Club {
    #[session(principal)]
    admin: Option<u64>,
    #[session(default, reset_on_sign_in)]
    role: u8,
    user: Option<u64>,
}

fn main() {}
