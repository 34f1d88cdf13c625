// Underlined: `colour`, with every option of a field.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(colour)]
    user: Option<u64>,
}

fn main() {}
