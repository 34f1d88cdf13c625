// Underlined: `step`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 2, step(since = 2, from(name: Option<String>)))]
struct Shop {
    #[session(since = 2)]
    first: Option<String>,
    #[session(since = 2)]
    last: Option<String>,
}

fn main() {}
