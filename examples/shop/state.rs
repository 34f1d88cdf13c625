//! What the shop remembers of a visitor.
//!
//! The derive makes `TypedSession<Shop>` of it: getters, setters, and an extractor for handlers. The struct's own methods work
//! there too.

use std::fmt;

use actix_typed_session::{SessionState, SessionValue};
use serde::{Deserialize, Serialize};

use crate::goods::{self, Cents};

/// More of one tea than this is a mistake at the keyboard.
pub(crate) const MOST: u32 = 99;

#[derive(SessionState)]
#[session(name = "shop", version = 1)]
pub(crate) struct Shop {
    /// Who is signed in. Setting it renews the session's id.
    #[session(principal)]
    pub(crate) customer: Option<String>,
    /// What the visitor wants to buy; kept when they sign in.
    #[session(default)]
    pub(crate) cart: Vec<Line>,
    #[session(default)]
    pub(crate) theme: Theme,
    /// How often this session has ordered.
    #[session(default)]
    pub(crate) orders: u32,
    /// Shown once, on the next page.
    #[session(flash)]
    pub(crate) notice: Option<String>,
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
    /// How many things are in the cart.
    pub(crate) fn count(&self) -> u32 {
        self.cart.iter().map(|line| line.quantity).sum()
    }

    pub(crate) fn total(&self) -> Cents {
        Cents(self.cart.iter().filter_map(|line| Some(goods::find(line.sku)?.price.0 * line.quantity)).sum())
    }

    /// Empties the cart; what it cost, or `None` if there was nothing in it.
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

/// Puts one more into a cart. Plain functions on a field's type are easy to call from `update_cart`, and to test.
pub(crate) fn add(cart: &mut Vec<Line>, sku: u32) {
    match cart.iter_mut().find(|line| line.sku == sku) {
        Some(line) => line.quantity = (line.quantity + 1).min(MOST),
        None => cart.push(Line { sku, quantity: 1 }),
    }
}

/// Changes how many of a tea are in a cart; none takes the line out.
pub(crate) fn set_quantity(cart: &mut Vec<Line>, sku: u32, quantity: u32) {
    if let Some(line) = cart.iter_mut().find(|line| line.sku == sku) {
        line.quantity = quantity.min(MOST);
    }
    cart.retain(|line| line.quantity > 0);
}
