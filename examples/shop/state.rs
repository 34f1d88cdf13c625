//! The state of a visitor's session.
//!
//! The derive generates `TypedSession<Shop>` from it, an extractor with getters and setters. The struct's own methods can be called
//! on it as well.

use std::fmt;

use actix_typed_session::{SessionState, SessionValue};
use serde::{Deserialize, Serialize};

use crate::goods::{self, Cents};

/// The most of one tea that a cart can hold. A larger number is almost certainly a typing mistake.
pub(crate) const MOST: u32 = 99;

#[derive(SessionState)]
#[session(name = "shop", version = 1)]
pub(crate) struct Shop {
    /// The user who is signed in. Setting it renews the session's id.
    #[session(principal)]
    pub(crate) customer: Option<String>,
    /// The goods that the visitor wants to buy. A sign-in keeps them.
    #[session(default)]
    pub(crate) cart: Vec<Line>,
    #[session(default)]
    pub(crate) theme: Theme,
    /// The number of orders placed in this session.
    #[session(default)]
    pub(crate) orders: u32,
    /// A message that the next page shows once.
    #[session(flash)]
    pub(crate) notice: Option<String>,
    /// Why the form for the sign-in is shown again, once.
    #[session(flash)]
    pub(crate) refusal: Option<Refusal>,
}

#[derive(SessionValue, Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refusal {
    pub(crate) why: String,
    /// The name that was typed, so that nobody has to type it again.
    pub(crate) name: String,
}

#[derive(SessionValue, Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    pub(crate) sku: u32,
    pub(crate) quantity: u32,
}

#[derive(SessionValue, Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Theme {
    #[default]
    Light,
    Dark,
}

impl Theme {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Light => Self::Dark,
            Self::Dark => Self::Light,
        }
    }
}

impl fmt::Display for Theme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Light => "light",
            Self::Dark => "dark",
        })
    }
}

impl Shop {
    /// The number of items in the cart.
    pub(crate) fn count(&self) -> u32 {
        self.cart.iter().map(|line| line.quantity).sum()
    }

    pub(crate) fn total(&self) -> Cents {
        Cents(self.cart.iter().filter_map(|line| Some(goods::find(line.sku)?.price.0 * line.quantity)).sum())
    }

    /// Empties the cart and returns its total, or `None` if it was empty.
    pub(crate) fn order(&mut self) -> Option<Cents> {
        if self.cart.is_empty() {
            return None;
        }
        let total = self.total();
        self.cart.clear();
        self.orders += 1;
        Some(total)
    }
}

/// Adds one tea to a cart. A plain function on the field's type is easy to call from `update_cart`, and easy to test.
pub(crate) fn add(cart: &mut Vec<Line>, sku: u32) {
    match cart.iter_mut().find(|line| line.sku == sku) {
        Some(line) => line.quantity = (line.quantity + 1).min(MOST),
        None => cart.push(Line { sku, quantity: 1 }),
    }
}

/// Sets the quantity of a tea that is in the cart. A quantity of 0 removes its line.
pub(crate) fn set_quantity(cart: &mut Vec<Line>, sku: u32, quantity: u32) {
    if let Some(line) = cart.iter_mut().find(|line| line.sku == sku) {
        line.quantity = quantity.min(MOST);
    }
    cart.retain(|line| line.quantity > 0);
}
