// Underlined: `EverythingThatAVisitorMayEverPutIntoTheCart`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct EverythingThatAVisitorMayEverPutIntoTheCart {
    user: Option<u64>,
}

fn main() {}
