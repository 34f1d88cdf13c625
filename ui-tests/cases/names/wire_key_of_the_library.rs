// Underlined: `"$user"`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(key = "$user")]
    user: Option<u64>,
}

fn main() {}
