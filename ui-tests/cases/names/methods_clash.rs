// Underlined: `clear_a`, `update_a`: the later fields.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    a: Option<u64>,
    clear_a: Option<u64>,
    update_a: Option<u64>,
}

fn main() {}
