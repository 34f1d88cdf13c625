//! A model of a visitor's session: the edits made so far, and how each release must show them.
//!
//! In: edits. Out: requests, and the fields that a release must show. Never: sends a request.

use std::{collections::BTreeMap, ops::RangeInclusive};

use rand::{RngExt, rngs::SmallRng, seq::IteratorRandom};
use serde_json::{Value, json};

use crate::{fleet::Release, http::Request};

/// The fields of a session, in more detail than some releases know.
pub(crate) struct Visitor {
    user_id: u64,
    /// `nick`, `first`, `last`, `theme`, `locale`.
    texts: BTreeMap<&'static str, String>,
    /// Quantities by sku.
    cart: BTreeMap<u32, u32>,
    /// Numbers the values, so that each is used once and a lost edit cannot go unnoticed.
    edits: u32,
}

pub(crate) enum Edit {
    SignIn(u64),
    Text(&'static str, String),
    /// First and last name in one field.
    Name(String, String),
    Add(u32),
    Quantity(u32, u32),
    Remove(u32),
}

impl Visitor {
    pub(crate) fn new(user_id: u64) -> Self {
        let texts = [("theme", String::new()), ("locale", "en".to_owned())].into();
        Self { user_id, texts, cart: BTreeMap::new(), edits: 0 }
    }

    pub(crate) fn sign_in(&self) -> Edit {
        Edit::SignIn(self.user_id)
    }

    pub(crate) fn new_nick(&mut self) -> Edit {
        self.edits += 1;
        Edit::Text("nick", format!("nick{}", self.edits))
    }

    pub(crate) fn any_edit(&mut self, random: &mut SmallRng) -> Edit {
        self.edits += 1;
        let n = self.edits;
        let held = self.cart.keys().choose(random).copied();
        match (random.random_range(0..12), held) {
            (0, _) => self.sign_in(),
            (1, _) => Edit::Text("nick", format!("nick{n}")),
            (2, _) => Edit::Text("theme", format!("theme{n}")),
            (3, _) => Edit::Text("locale", format!("locale{n}")),
            // Release 2 stores one name, which would be split after `Mary`. Release 3 knows the parts and must keep them.
            (4 | 5, _) => Edit::Text("first", format!("Mary Ann{n}")),
            (6 | 7, _) => Edit::Text("last", format!("Evans{n}")),
            (8, _) => Edit::Name(format!("Ada{n}"), format!("King Lovelace{n}")),
            (9, Some(sku)) => Edit::Quantity(sku, n),
            (10, Some(sku)) => Edit::Remove(sku),
            _ => Edit::Add(n),
        }
    }

    pub(crate) fn did(&mut self, edit: Edit) {
        match edit {
            Edit::SignIn(user_id) => self.user_id = user_id,
            Edit::Text(field, text) => drop(self.texts.insert(field, text)),
            Edit::Name(first, last) => self.texts.extend([("first", first), ("last", last)]),
            Edit::Add(sku) => drop(self.cart.insert(sku, 1)),
            Edit::Quantity(sku, quantity) => drop(self.cart.insert(sku, quantity)),
            Edit::Remove(sku) => drop(self.cart.remove(&sku)),
        }
    }

    /// Checks that a release shows every field as it must.
    pub(crate) fn check(&self, release: Release, shown: &str) -> Result<(), String> {
        let mut shown: Value = serde_json::from_str(shown).map_err(|error| format!("{error}: {shown}"))?;
        // Two tabs may add to the cart in either order.
        if let Some(Value::Array(cart)) = shown.get_mut("cart") {
            cart.sort_by_key(|line| line.get("sku").unwrap_or(line).as_u64());
        }
        let expected = self.as_shown_by(release);
        for (field, expected) in expected.as_object().into_iter().flatten() {
            let found = shown.get(field).unwrap_or(&Value::Null);
            if found != expected {
                return Err(format!("`{field}` should be {expected}, but is {found}"));
            }
        }
        Ok(())
    }

    fn as_shown_by(&self, release: Release) -> Value {
        let text = |field| self.texts.get(field).map(String::as_str);
        let (nick, theme, locale) = (text("nick"), text("theme"), text("locale"));
        let (first, last) = (text("first"), text("last"));
        let words: Vec<&str> = [first, last].into_iter().flatten().collect();
        let name = (!words.is_empty()).then(|| words.join(" "));
        let skus: Vec<&u32> = self.cart.keys().collect();
        let line = |(sku, quantity)| json!({ "sku": sku, "quantity": quantity });
        let mut shown = match release {
            1 => json!({ "nick": nick, "name": name, "theme": theme, "cart": skus }),
            2 => json!({ "display_name": nick, "name": name, "locale": locale, "cart": skus }),
            _ => json!({ "display_name": nick, "first": first, "last": last, "locale": locale,
                         "cart": self.cart.iter().map(line).collect::<Vec<_>>() }),
        };
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("user_id".to_owned(), self.user_id.into());
        }
        shown
    }
}

impl Edit {
    /// The releases that have a form for this edit.
    pub(crate) fn releases(&self) -> RangeInclusive<Release> {
        match self {
            Self::Text("theme", _) => 1..=1,
            Self::Name(..) => 1..=2,
            Self::Text("locale", _) => 2..=4,
            Self::Text("first" | "last", _) | Self::Quantity(..) => 3..=4,
            _ => 1..=4,
        }
    }

    /// Whether both edits can be made at the same time with the same result in either order.
    pub(crate) fn goes_with(&self, other: &Self) -> bool {
        match (self, other) {
            // A sign-in replaces the cookie that the other edit sends; a name and its parts are the same data.
            (Self::SignIn(_), _)
            | (_, Self::SignIn(_))
            | (Self::Name(..), Self::Name(..) | Self::Text("first" | "last", _))
            | (Self::Text("first" | "last", _), Self::Name(..)) => false,
            (Self::Text(one, _), Self::Text(other, _)) => one != other,
            (Self::Quantity(one, _) | Self::Remove(one), Self::Quantity(other, _) | Self::Remove(other)) => {
                one != other
            }
            _ => true,
        }
    }

    pub(crate) fn request(&self) -> Request {
        match self {
            Self::SignIn(user_id) => Request::new("POST", format!("/sign-in/{user_id}"), ""),
            Self::Text(field, text) => Request::new("PUT", format!("/{field}"), text),
            Self::Name(first, last) => Request::new("PUT", "/name", format!("{first} {last}")),
            Self::Add(sku) => Request::new("POST", format!("/cart/{sku}"), ""),
            Self::Quantity(sku, quantity) => Request::new("PUT", format!("/cart/{sku}/{quantity}"), ""),
            Self::Remove(sku) => Request::new("DELETE", format!("/cart/{sku}"), ""),
        }
    }
}
