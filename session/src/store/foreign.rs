//! A store of another library, which names its records by itself and knows none of our contract.
//!
//! In: a text and how long it lives. Out: the name under which the store keeps it. Never: what is in the text, which is sealed.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use super::error::StoreError;

/// What such a store answers. Its futures need not be `Send`.
pub(crate) type Answering<'a, T> = LocalBoxFuture<'a, Result<T, StoreError>>;

/// A store that chooses the names of what it keeps. Errors show neither a name nor a text.
pub(crate) trait ForeignStore: Send + Sync {
    /// The text under `name`; `None` if there is none, or it has expired.
    fn load<'a>(&'a self, name: &'a str) -> Answering<'a, Option<String>>;

    /// Keeps `text` for `left` under a new name, which it returns.
    fn save(&self, text: String, left: Duration) -> Answering<'_, String>;

    /// Keeps `text` for `left` under `name`, or under another name, which it returns.
    fn update<'a>(&'a self, name: &'a str, text: String, left: Duration) -> Answering<'a, String>;

    /// Keeps what is under `name` for `left`.
    fn prolong<'a>(&'a self, name: &'a str, left: Duration) -> Answering<'a, ()>;

    /// Keeps nothing under `name`.
    fn delete<'a>(&'a self, name: &'a str) -> Answering<'a, ()>;
}
