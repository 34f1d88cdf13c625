// Underlined: `"last-seen"`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(getter = "last-seen")]
    seen: Option<u64>,
}

fn main() {}
