// Underlined: `"type"`: `r#type` is stored as `type`.
use actix_typed_session::SessionState;

#[derive(SessionState)]
#[session(version = 1)]
struct Shop {
    r#type: Option<u64>,
    #[session(key = "type")]
    b: Option<u64>,
}

fn main() {}
