// Underlined: `default`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(default = Some(3))]
    user: Option<u64>,
}

fn main() {}
