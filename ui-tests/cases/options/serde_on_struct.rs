// Underlined: the serde attribute.
use actix_typed_session::SessionState;
use serde::Serialize;

#[derive(Serialize, SessionState)]
#[serde(rename = "shop")]
#[session(version = 1)]
struct Shop {
    user: Option<u64>,
}

fn main() {}
