// Underlined: `update_user`: the principal is set, never edited.
use actix_typed_session::{SessionState, TypedSession};

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(principal)]
    user: Option<u64>,
    #[session(default)]
    hits: u32,
    nick: Option<String>,
}

async fn handler(mut shop: TypedSession<Shop>) {
    shop.update_user(|user| *user = None);
}

fn main() {
    let _ = handler;
}
