// Underlined: the serde attribute.
use actix_typed_session::SessionState;
use serde::Serialize;

#[derive(Serialize, SessionState)]
#[session(version = 1)]
struct Shop {
    #[serde(rename = "nick")]
    user: Option<u64>,
}

fn main() {}
