//! What goes to the store.
//!
//! In: the cells that one request wrote and what it did to the session's life. Out: [`NewRecord`] and [`Change`], plain data.
//! Never: I/O, a decision.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use super::{cell::WireKey, json::Json, meta::Principal, time::Limits};
use crate::id::public::VerifierHash;

/// One cell to write; its revision and its expiry come from the store.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct CellWrite {
    /// Which cell.
    pub key: WireKey,
    /// The value; `null` for a cleared field. That of a secret field is sealed, which is no JSON: a store takes it as text.
    pub json: Json,
    /// How long the cell lives, if not as long as the record.
    pub ttl: Option<Duration>,
}

impl CellWrite {
    /// Writes `json` to `key`, for as long as the record lives.
    #[must_use]
    pub const fn new(key: WireKey, json: Json) -> Self {
        Self { key, json, ttl: None }
    }
}

/// What must still be true of a cell for a change to apply.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Guard {
    /// Which cell.
    pub key: WireKey,
    /// Its stored revision, also if it has expired; `None`: the cell is absent.
    pub revision: Option<u64>,
}

impl Guard {
    /// `key` is at `revision`, or absent.
    #[must_use]
    pub const fn new(key: WireKey, revision: Option<u64>) -> Self {
        Self { key, revision }
    }
}

/// A new verifier for a record: renewing the id.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Renewal {
    /// SHA-256 of the new verifier.
    pub verifier: VerifierHash,
}

impl Renewal {
    /// From now on only `verifier` opens the record.
    #[must_use]
    pub const fn new(verifier: VerifierHash) -> Self {
        Self { verifier }
    }
}

/// How many sessions one principal may have at a time (OWASP ASVS 5.0 7.1.2).
///
/// It is looked at when a session gets a principal that it did not have. Stores that are no
/// [`PrincipalIndex`](crate::store::PrincipalIndex) ignore it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct MaxSessions {
    /// The most.
    pub per_user: NonZeroU32,
    /// What to do with one more.
    pub when_full: WhenFull,
}

/// What becomes of a sign-in when the user already has as many sessions as allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WhenFull {
    /// It is refused.
    RejectNew,
    /// The session that signed in first ends.
    EvictOldest,
}

impl MaxSessions {
    /// At most `per_user`.
    #[must_use]
    pub const fn new(per_user: NonZeroU32, when_full: WhenFull) -> Self {
        Self { per_user, when_full }
    }

    /// How many of `others` must end before one more may begin; `None`: it may not.
    #[must_use]
    pub fn evictions(self, others: usize) -> Option<usize> {
        let most = usize::try_from(self.per_user.get()).unwrap_or(usize::MAX);
        let surplus = others.saturating_add(1).saturating_sub(most);
        (surplus == 0 || self.when_full == WhenFull::EvictOldest).then_some(surplus)
    }
}

/// A record to create.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct NewRecord {
    /// SHA-256 of the verifier that will open it.
    pub verifier: VerifierHash,
    /// Its cells.
    pub cells: Vec<CellWrite>,
    /// Who is signed in.
    pub principal: Option<Principal>,
    /// Whether that was proven just now.
    pub authenticated: bool,
    /// How long it lives.
    pub limits: Limits,
    /// Whether the cookie outlives the browser.
    pub persistent: bool,
    /// What a list of sessions shows.
    pub label: Option<Arc<str>>,
    /// How many sessions `principal` may have, this one included.
    pub max_sessions: Option<MaxSessions>,
}

impl NewRecord {
    /// A record without cells.
    #[must_use]
    pub const fn new(verifier: VerifierHash, limits: Limits) -> Self {
        Self {
            verifier,
            cells: Vec::new(),
            principal: None,
            authenticated: false,
            limits,
            persistent: false,
            label: None,
            max_sessions: None,
        }
    }
}

/// What one commit does to a record, as one atomic step. The default changes nothing but the revision.
#[derive(Clone, PartialEq, Debug, Default)]
#[non_exhaustive]
pub struct Change {
    /// If the record's generation is another one, nothing is applied.
    pub expected_generation: Option<u64>,
    /// If one of them does not hold, nothing is applied.
    pub guards: Vec<Guard>,
    /// Another session begins in the place of this one, now: before anything else is changed, nobody is signed in, and there are no cells
    /// and no label.
    pub anew: bool,
    /// Cells to remove, before `write`.
    pub delete: Vec<WireKey>,
    /// Cells to write; each key once.
    pub write: Vec<CellWrite>,
    /// A new verifier; raises the generation.
    pub renewal: Option<Renewal>,
    /// Who is signed in from now on.
    ///
    /// A change of `limits` names the principal that the record has: an index whose entries expire must know.
    pub principal: Option<Option<Principal>>,
    /// How many sessions a new principal may have, this one included.
    pub max_sessions: Option<MaxSessions>,
    /// Who is signed in was proven just now.
    pub authenticated: bool,
    /// New limits.
    pub limits: Option<Limits>,
    /// Whether the cookie outlives the browser.
    pub persistent: Option<bool>,
    /// What a list of sessions shows.
    pub label: Option<Option<Arc<str>>>,
    /// The browser was seen just now.
    pub touch: bool,
}

impl Change {
    /// Whether it changes nothing but when the browser was seen.
    pub(crate) fn only_touches(&self) -> bool {
        let expected_generation = self.expected_generation;
        self.touch && *self == Self { expected_generation, touch: true, ..Self::default() }
    }
}
