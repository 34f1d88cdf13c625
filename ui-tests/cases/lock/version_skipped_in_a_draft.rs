// Underlined: the version.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(name = "draft", version = 2)]
struct Shop {
    user: Option<u64>,
    #[session(since = 2)]
    nick: Option<String>,
}

fn main() {}
