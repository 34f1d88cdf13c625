// Underlined: the `where` clause.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop
where
    u64: Copy,
{
    user: Option<u64>,
}

fn main() {}
