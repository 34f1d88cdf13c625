// Underlined: `Vec<Category>`.
use actix_typed_session::SessionValue;

#[derive(SessionValue)]
struct Category {
    name: String,
    inside: Vec<Category>,
}

fn main() {}
