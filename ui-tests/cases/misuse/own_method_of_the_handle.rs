// A method on the handle has the name of a setter.

use actix_typed_session::SessionState;

impl ShopHandle {
    fn set_total(&mut self) {}
}

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(default)]
    total: u32,
}

fn main() {}
