// Underlined: the second `version`, in another attribute.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
#[session(name = "shop", version = 2)]
struct Shop {
    user: Option<u64>,
}

fn main() {}
