//! The derive where the library goes by another name: `crate = ::another_name`. And in a crate whose items others can
//! reach, which is where `missing_docs` and its like look. Its schema is locked, so that what is generated for that is judged too.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unused_qualifications)]
#![deny(rust_2018_idioms, clippy::all, clippy::pedantic)]

use another_name::{SessionState, SessionValue, TypedSession};
use serde::{Deserialize, Serialize};

/// A value inside of the state.
#[derive(Debug, Serialize, Deserialize, SessionValue)]
#[session(crate = ::another_name)]
pub struct Line {
    /// What it is.
    pub sku: u32,
    /// How many.
    pub quantity: u32,
}

#[cfg(test)]
fn full() -> Shop {
    Shop {
        user: Some(7),
        cart: vec![11, 12],
        lines: vec![Line { sku: 11, quantity: 2 }],
        notice: None,
        name: "Ada".to_owned(),
    }
}

/// A state.
#[derive(Debug, SessionState)]
#[session(version = 1, lock = required, sample = full, crate = ::another_name)]
pub struct Shop {
    /// Who is signed in.
    #[session(principal)]
    pub user: Option<u64>,
    /// What is in the cart.
    #[session(default)]
    pub cart: Vec<u32>,
    /// What was ordered.
    #[session(default)]
    pub lines: Vec<Line>,
    /// What to show once.
    #[session(flash)]
    pub notice: Option<String>,
    /// Whom to greet.
    #[session(default)]
    pub name: String,
}

/// What a handler does.
pub fn visit(shop: &mut TypedSession<Shop>) -> usize {
    shop.set_user(3);
    shop.set_notice("added");
    shop.set_name("a");
    shop.update_cart(|cart| cart.push(1));
    shop.cart().len() + shop.take_notice().map_or(0, |notice| notice.len())
}
