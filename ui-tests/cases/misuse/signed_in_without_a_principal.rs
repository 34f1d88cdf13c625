// Nobody is ever signed in to a state that has no principal.

use actix_typed_session::{SessionState, SignedIn};

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Basket {
    #[session(default)]
    items: u32,
}

async fn handler(SignedIn(user): SignedIn<Basket>) -> String {
    user
}

fn main() {
    let _ = handler;
}
