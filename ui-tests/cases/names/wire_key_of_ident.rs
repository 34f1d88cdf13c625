// Underlined: `größe`, with the option to add.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    größe: Option<u64>,
}

fn main() {}
