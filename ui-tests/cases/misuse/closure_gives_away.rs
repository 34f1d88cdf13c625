// A closure that may run again gives away what it captured.

use actix_typed_session::{SessionState, TypedSession};

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(default)]
    nicks: Vec<String>,
}

async fn handler(mut shop: TypedSession<Shop>) {
    let nick = String::from("a");
    shop.update_nicks(move |nicks| nicks.push(nick));
}

fn main() {
    let _ = handler;
}
