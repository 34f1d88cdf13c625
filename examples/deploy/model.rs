//! What a visitor did, and what every release must show of it.

use std::{collections::BTreeMap, ops::RangeInclusive};

use rand::{RngExt, rngs::SmallRng, seq::IteratorRandom};
use serde_json::{Value, json};

use crate::{fleet::Release, http::Request};

/// All that the visitor has told the shop, in more detail than some releases know.
pub(crate) struct Visitor {
    user_id: u64,
    nick: Option<String>,
    first: Option<String>,
    last: Option<String>,
    theme: String,
    locale: String,
    /// Quantities by sku.
    cart: BTreeMap<u32, u32>,
    /// No value is used twice, so that each edit that is lost is seen.
    edits: u32,
}

#[derive(Clone, Debug)]
pub(crate) enum Edit {
    SignIn(u64),
    Nick(String),
    Name(String, String),
    First(String),
    Last(String),
    Theme(String),
    Locale(String),
    Add(u32),
    Quantity(u32, u32),
    Remove(u32),
}

impl Visitor {
    pub(crate) fn new(user_id: u64) -> Self {
        Self {
            user_id,
            nick: None,
            first: None,
            last: None,
            theme: String::new(),
            locale: "en".to_owned(),
            cart: BTreeMap::new(),
            edits: 0,
        }
    }

    pub(crate) fn sign_in(&self) -> Edit {
        Edit::SignIn(self.user_id)
    }

    pub(crate) fn new_nick(&mut self) -> Edit {
        Edit::Nick(format!("nick{}", self.next()))
    }

    pub(crate) fn any_edit(&mut self, random: &mut SmallRng) -> Edit {
        let n = self.next();
        let held = self.cart.keys().choose(random).copied();
        match (random.random_range(0..10), held) {
            (0, _) => self.sign_in(),
            (1, _) => self.new_nick(),
            (2, _) => Edit::Name(format!("Ada{n}"), format!("King Lovelace{n}")),
            // An older release takes the second word for a part of the last name, and must not spoil it.
            (3, _) => Edit::First(format!("Mary Ann{n}")),
            (4, _) => Edit::Last(format!("Evans{n}")),
            (5, _) => Edit::Theme(format!("theme{n}")),
            (6, _) => Edit::Locale(format!("locale{n}")),
            (7, Some(sku)) => Edit::Quantity(sku, n),
            (8, Some(sku)) => Edit::Remove(sku),
            _ => Edit::Add(n),
        }
    }

    fn next(&mut self) -> u32 {
        self.edits += 1;
        self.edits
    }

    pub(crate) fn did(&mut self, edit: Edit) {
        match edit {
            Edit::SignIn(user_id) => self.user_id = user_id,
            Edit::Nick(nick) => self.nick = Some(nick),
            Edit::Name(first, last) => (self.first, self.last) = (Some(first), Some(last)),
            Edit::First(first) => self.first = Some(first),
            Edit::Last(last) => self.last = Some(last),
            Edit::Theme(theme) => self.theme = theme,
            Edit::Locale(locale) => self.locale = locale,
            Edit::Add(sku) => drop(self.cart.insert(sku, 1)),
            Edit::Quantity(sku, quantity) => drop(self.cart.insert(sku, quantity)),
            Edit::Remove(sku) => drop(self.cart.remove(&sku)),
        }
    }

    /// Whether a release shows every field as it must.
    pub(crate) fn check(&self, release: Release, shown: &str) -> Result<(), String> {
        let mut shown: Value = serde_json::from_str(shown).map_err(|error| format!("{error}: {shown}"))?;
        // Two tabs at once may put things into the cart in either order.
        if let Some(Value::Array(cart)) = shown.get_mut("cart") {
            cart.sort_by_key(|line| line.get("sku").unwrap_or(line).as_u64());
        }
        let expected = self.as_shown_by(release);
        let fields = expected.as_object().into_iter().flatten();
        for (field, expected) in fields {
            let found = shown.get(field).unwrap_or(&Value::Null);
            if found != expected {
                return Err(format!("`{field}` should be {expected} and is {found}"));
            }
        }
        Ok(())
    }

    fn as_shown_by(&self, release: Release) -> Value {
        let Self { user_id, nick, first, last, theme, locale, cart, .. } = self;
        let name: Vec<&str> = [first, last].into_iter().flatten().map(String::as_str).collect();
        let name = (!name.is_empty()).then(|| name.join(" "));
        let skus: Vec<u32> = cart.keys().copied().collect();
        let lines: Vec<Value> =
            cart.iter().map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity })).collect();
        match release {
            1 => json!({ "user_id": user_id, "nick": nick, "name": name, "theme": theme, "cart": skus }),
            2 => {
                json!({ "user_id": user_id, "display_name": nick, "name": name, "locale": locale, "cart": skus })
            }
            _ => {
                json!({ "user_id": user_id, "display_name": nick, "first": first, "last": last, "locale": locale, "cart": lines })
            }
        }
    }
}

impl Edit {
    /// Which releases have a form for it.
    pub(crate) fn releases(&self) -> RangeInclusive<Release> {
        match self {
            Self::Theme(_) => 1..=1,
            Self::Name(..) => 1..=2,
            Self::Locale(_) => 2..=4,
            Self::First(_) | Self::Last(_) | Self::Quantity(..) => 3..=4,
            Self::SignIn(_) | Self::Nick(_) | Self::Add(_) | Self::Remove(_) => 1..=4,
        }
    }

    /// Whether both can be done at once, and it does not matter which comes first.
    pub(crate) fn goes_with(&self, other: &Self) -> bool {
        match (self, other) {
            // The other would come with a cookie that is no more.
            (Self::SignIn(_), _) | (_, Self::SignIn(_)) => false,
            (Self::Name(..), Self::First(_) | Self::Last(_))
            | (Self::First(_) | Self::Last(_), Self::Name(..)) => false,
            (Self::Quantity(a, _) | Self::Remove(a), Self::Quantity(b, _) | Self::Remove(b)) => a != b,
            (Self::Add(_), Self::Add(_)) => true,
            _ => std::mem::discriminant(self) != std::mem::discriminant(other),
        }
    }

    pub(crate) fn request(&self) -> Request {
        let (method, path, body) = match self {
            Self::SignIn(user_id) => ("POST", format!("/sign-in/{user_id}"), String::new()),
            Self::Nick(nick) => ("PUT", "/nick".into(), nick.clone()),
            Self::Name(first, last) => ("PUT", "/name".into(), format!("{first} {last}")),
            Self::First(first) => ("PUT", "/first".into(), first.clone()),
            Self::Last(last) => ("PUT", "/last".into(), last.clone()),
            Self::Theme(theme) => ("PUT", "/theme".into(), theme.clone()),
            Self::Locale(locale) => ("PUT", "/locale".into(), locale.clone()),
            Self::Add(sku) => ("POST", format!("/cart/{sku}"), String::new()),
            Self::Quantity(sku, quantity) => ("PUT", format!("/cart/{sku}/{quantity}"), String::new()),
            Self::Remove(sku) => ("DELETE", format!("/cart/{sku}"), String::new()),
        };
        Request { method, path, body }
    }
}
