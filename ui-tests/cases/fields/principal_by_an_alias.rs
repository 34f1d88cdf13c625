// The derive cannot see through an alias.

use actix_typed_session::SessionState;

type User = Option<u64>;
type Notice = Option<String>;

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(principal)]
    user: User,
    #[session(flash)]
    notice: Notice,
}

fn main() {}
