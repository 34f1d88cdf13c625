// Underlined: `"off"`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1, lock = "off")]
struct Shop {
    nick: Option<String>,
}

fn main() {}
