// Underlined: the field `theme`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 2, removed(key = "theme", from = String, since = 2))]
struct Shop {
    #[session(default)]
    theme: String,
}

fn main() {}
