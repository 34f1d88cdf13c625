// Underlined: `String`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(flash, default)]
    notice: String,
}

fn main() {}
