// Underlined: `opague`.
use actix_typed_session::SessionValue;

#[derive(SessionValue)]
struct Line {
    #[session(opague)]
    sku: u32,
}

fn main() {}
