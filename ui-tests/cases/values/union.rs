// Underlined: the keyword.
use actix_typed_session::SessionValue;

#[derive(SessionValue)]
union Bits {
    a: u32,
    b: f32,
}

fn main() {}
