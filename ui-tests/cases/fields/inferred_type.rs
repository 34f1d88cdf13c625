// Underlined: `_`, twice, because the compiler refuses it too.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    list: Option<Vec<_>>,
}

fn main() {}
