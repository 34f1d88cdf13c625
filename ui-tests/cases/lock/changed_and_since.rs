// Underlined: `3`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(name = "shop", version = 3, removed(key = "theme", from = String, since = 2))]
struct Shop {
    #[session(since = 3, changed(since = 3, from = Option<u64>, up = name, down = number))]
    user: Option<String>,
}

fn name(user: Option<u64>) -> Option<String> {
    user.map(|user| user.to_string())
}

fn number(user: Option<String>) -> Option<u64> {
    user.and_then(|user| user.parse().ok())
}

fn main() {}
