// Underlined: each of the two types, once.
use actix_typed_session::SessionState;

struct User;
struct Notice;

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(principal)]
    user: Option<User>,
    #[session(flash)]
    notice: Option<Notice>,
}

fn main() {}
