// Underlined: `Box<Expr>`, twice.
use actix_typed_session::SessionValue;

#[derive(SessionValue)]
enum Expr {
    Number(f64),
    Sum(Box<Expr>, Box<Expr>),
}

fn main() {}
