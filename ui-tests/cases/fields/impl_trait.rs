// Underlined: `impl Copy` (twice: the compiler does not want it either).
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    #[session(default)]
    value: impl Copy,
}

fn main() {}
