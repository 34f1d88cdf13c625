// Underlined: the `cfg` attribute.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[cfg(debug_assertions)]
    user: Option<u64>,
}

fn main() {}
