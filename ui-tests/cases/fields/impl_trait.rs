// Underlined: `impl Copy`, twice, because the compiler refuses it too.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(default)]
    value: impl Copy,
}

fn main() {}
