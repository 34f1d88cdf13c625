// Underlined: `const N: usize`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop<const N: usize> {
    #[session(default)]
    users: Vec<[u64; N]>,
}

fn main() {}
