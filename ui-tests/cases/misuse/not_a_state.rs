// Underlined: `TypedSession<u32>`.
use actix_typed_session::TypedSession;

async fn handler(number: TypedSession<u32>) {
    let _ = number;
}

fn main() {}
