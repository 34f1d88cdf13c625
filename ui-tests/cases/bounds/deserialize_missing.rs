// Underlined: `Line`, once.
use actix_typed_session::SessionState;
use serde::Serialize;

#[derive(Default, Serialize)]
struct Line;

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(default)]
    line: Line,
}

fn main() {}
