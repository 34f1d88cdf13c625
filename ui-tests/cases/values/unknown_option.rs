// Underlined: `opaque`.
use actix_typed_session::SessionValue;

#[derive(SessionValue)]
#[session(opaque)]
struct Line {
    sku: u32,
}

fn main() {}
