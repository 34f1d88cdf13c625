//! The derive where the library goes by another name: `crate = ::another_name`. And in a crate whose items others can
//! reach, which is where `missing_docs` and its like look.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unused_qualifications)]
#![deny(rust_2018_idioms, clippy::all, clippy::pedantic)]

use another_name::{SessionState, TypedSession};

/// A state.
#[derive(Debug, SessionState)]
#[session(version = 1, lock = off, crate = ::another_name)]
pub struct Shop {
    /// Who is signed in.
    #[session(principal)]
    pub user: Option<u64>,
    /// What is in the cart.
    #[session(default)]
    pub cart: Vec<u32>,
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
