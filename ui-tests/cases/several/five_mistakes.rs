// Underlined: five mistakes, each once.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 0, colour = 1)]
struct Shop {
    #[session(defualt)]
    hits: u32,
    #[session(key = "nick name")]
    nick: Option<String>,
    #[session(principal)]
    user: u64,
}

fn main() {}
