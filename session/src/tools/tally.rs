//! Counts what a walk finds, without knowing any schema.
//!
//! In: sessions, one by one. Out: a [`Tally`]. Never: a stored value, a name of a user.

use std::{
    collections::{BTreeMap, HashSet, hash_map::RandomState},
    hash::BuildHasher,
};

use super::walk::{StoredSession, Walk, at_once};
use crate::{
    record::apply::Record,
    store::{
        contract::SessionStore,
        error::{StoreError, StoreErrorKind},
    },
};

/// How many sessions there are, of how many users, and by which versions of which schemas they can be read.
///
/// It needs no schema, so a program that knows none can make it. A [`census`](crate::census()) by the application itself tells more: what
/// still needs a conversion, and what cannot be read.
///
/// ```
/// use actix_typed_session::{admin::Tally, store::AnyStore};
///
/// async fn print(store: &AnyStore) -> Result<(), Box<dyn std::error::Error>> {
///     let tally = Tally::of(store, u64::MAX).await?;
///     println!("{} sessions, {} of them of {} users", tally.sessions, tally.signed_in, tally.users());
///     Ok(())
/// }
/// # let _ = print;
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Tally {
    /// Live sessions that can be read.
    pub sessions: u64,
    /// Those in which a user is signed in.
    pub signed_in: u64,
    /// Sessions whose record is damaged. No binary can read them; they stay until they expire.
    pub damaged: u64,
    /// Sessions that a later release of this library wrote and this release cannot read.
    pub of_later_releases: u64,
    /// What is stored of each schema, by its name.
    pub schemas: BTreeMap<String, SchemaTally>,
    /// Whether every session in the store was counted.
    pub complete: bool,
    /// Hashes of principals: eight bytes for each user, whatever their names are.
    users: HashSet<u64>,
    hasher: RandomState,
}

/// What is stored of one schema.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct SchemaTally {
    /// Sessions with a section of it.
    pub sections: u64,
    /// Sections by the oldest version of the schema that can read them; `None` if that is not a number that this release knows.
    pub readable_from: BTreeMap<Option<u16>, u64>,
    /// The total size of their cells in bytes, wire keys and values together.
    pub bytes: u64,
}

impl Tally {
    /// Counts at most `most` sessions of `store`.
    ///
    /// # Errors
    /// As [`Walk::next`].
    pub async fn of(store: &impl SessionStore, most: u64) -> Result<Self, StoreError> {
        let (mut tally, mut walk) = (Self::default(), Walk::of(store));
        while let Some(page) = walk.next(at_once(most - tally.found())).await? {
            for session in page {
                if tally.found() >= most {
                    return Ok(tally);
                }
                tally.add(&session);
            }
        }
        tally.complete = true;
        Ok(tally)
    }

    /// How many users are signed in, in one session or in several.
    #[must_use]
    pub fn users(&self) -> u64 {
        u64::try_from(self.users.len()).unwrap_or(u64::MAX)
    }

    /// All sessions that were counted, readable or not.
    #[must_use]
    pub const fn found(&self) -> u64 {
        self.sessions + self.damaged + self.of_later_releases
    }

    /// Counts one more session, for a caller that walks by itself.
    pub fn add(&mut self, session: &StoredSession) {
        match &session.found {
            Ok(loaded) => {
                self.sessions += 1;
                if let Some(principal) = &loaded.record.meta().principal {
                    self.signed_in += 1;
                    self.users.insert(self.hasher.hash_one(principal));
                }
                self.add_schemas(&loaded.record);
            }
            Err(StoreErrorKind::TooNew) => self.of_later_releases += 1,
            Err(_) => self.damaged += 1,
        }
    }

    /// A section has a gate, the cell `$shop`, and cells `shop.cart`.
    fn add_schemas(&mut self, record: &Record) {
        for (key, gate) in record.cells() {
            let Some(name) = key.as_str().strip_prefix('$') else { continue };
            let of_schema = |key: &str| key.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
            let cells = record.cells().iter().filter(|(key, _)| of_schema(key.as_str()));
            let bytes: usize = cells.map(|(key, cell)| key.as_str().len() + cell.json.as_str().len()).sum();
            let schema = self.schemas.entry(name.to_owned()).or_default();
            schema.sections += 1;
            schema.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
            *schema.readable_from.entry(gate.json.as_str().parse().ok()).or_default() += 1;
        }
    }
}
