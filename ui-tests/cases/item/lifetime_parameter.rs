// Underlined: `'a`, and the reference that uses it.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop<'a> {
    user: Option<&'a str>,
}

fn main() {}
