// A state as a field of a state.

use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Cart {
    #[session(default)]
    lines: Vec<u32>,
}

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(default)]
    cart: Cart,
}

fn main() {}
