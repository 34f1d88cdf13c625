// A function in quotes, as serde takes it.

use actix_typed_session::SessionState;

fn numbers() -> Vec<u32> {
    vec![1]
}

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(default = "numbers")]
    cart: Vec<u32>,
    #[session(default = "en")]
    language: String,
}

fn main() {}
