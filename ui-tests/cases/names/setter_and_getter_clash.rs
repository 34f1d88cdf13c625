// Underlined: `a`: the later field.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    take_a: Option<u64>,
    #[session(flash)]
    a: Option<u64>,
}

fn main() {}
