// Underlined: `dyn Send`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    value: Option<Box<dyn Send>>,
}

fn main() {}
