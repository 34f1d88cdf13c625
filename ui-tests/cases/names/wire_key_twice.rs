// Underlined: the second `"nick"`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(key = "nick")]
    a: Option<u64>,
    #[session(key = "nick")]
    b: Option<u64>,
}

fn main() {}
