// Underlined: the serde attributes.
use actix_typed_session::SessionState;
use serde::Serialize;

#[derive(Serialize, SessionState)]
#[session(version = 1)]
struct Shop {
    #[serde(skip_serializing)]
    user: Option<u64>,
    #[serde(default)]
    nick: Option<String>,
}

fn main() {}
