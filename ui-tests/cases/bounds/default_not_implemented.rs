// Underlined: `Theme`.
use actix_typed_session::SessionState;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Theme;

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(default)]
    theme: Theme,
}

fn main() {}
