//! A session that each request reads as one value and writes back as one value. A simulation: it shows that alone, and no library in
//! particular.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What the store of such a session has.
#[derive(Default)]
pub(super) struct WholeSession {
    stored: Option<String>,
}

/// The state, as `basket::Basket`.
#[derive(Serialize, Deserialize, Default)]
pub(super) struct Basket {
    pub(super) customer: Option<String>,
    pub(super) teas: u32,
}

/// The state in the next release, as `basket::next::Basket`.
#[derive(Serialize, Deserialize, Default)]
pub(super) struct NextBasket {
    pub(super) customer: Option<String>,
    pub(super) teas: u32,
    #[serde(default)]
    pub(super) coupon: Option<String>,
}

impl WholeSession {
    /// What a request sees that reads the session now. What is not there, or cannot be read, is an empty session.
    pub(super) fn read<T: DeserializeOwned + Default>(&self) -> T {
        let stored = self.stored.as_deref();
        stored.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
    }

    /// Stores what a request ends with, whatever is there.
    pub(super) fn write(&mut self, session: &impl Serialize) {
        self.stored = serde_json::to_string(session).ok();
    }

    pub(super) fn delete(&mut self) {
        self.stored = None;
    }
}
