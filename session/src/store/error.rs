//! The errors of stores.
//!
//! In: a kind, and what the engine said. Out: [`StoreError`]. Never shows an id or a value.

use std::{error::Error, fmt};

use crate::record::meta::Unreadable;

/// Why a store could not do what it was asked. `Display` shows no id and no value.
///
/// ```
/// use std::io;
///
/// use actix_typed_session::store::{StoreError, StoreErrorKind};
///
/// /// What to answer when a write was sent and the connection broke.
/// fn lost(error: io::Error) -> StoreError {
///     StoreError::new(StoreErrorKind::UnknownOutcome).with_source(error)
/// }
/// # let _ = lost;
/// ```
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kinds of [`StoreError`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store cannot be reached, or refuses the call; nothing was changed.
    Unavailable,
    /// A write was sent, but there was no answer; it may have been stored. It must not be sent again.
    UnknownOutcome,
    /// There is no room for another record, or for a larger one; nothing was changed.
    Full,
    /// The stored record is damaged; it was left as it is.
    Unreadable,
    /// A later release of this library wrote the stored record; it was left as it is.
    TooNew,
    /// The store does not have this ability; see [`Abilities`](super::Abilities).
    Unsupported,
}

impl StoreError {
    /// An error of this kind.
    #[must_use]
    pub const fn new(kind: StoreErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// Adds the error of the engine, for logs. It must not contain an id or a value.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The error of a call that changes nothing the second time: its outcome does not matter to whoever repeats it.
    pub(super) fn of_a_repeatable_call(mut self) -> Self {
        if self.kind == StoreErrorKind::UnknownOutcome {
            self.kind = StoreErrorKind::Unavailable;
        }
        self
    }

    /// Whether a record is stored that this release cannot read.
    #[must_use]
    pub const fn is_unreadable(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Unreadable | StoreErrorKind::TooNew)
    }

    /// The kind of error.
    #[must_use]
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            StoreErrorKind::Unavailable => "the session store cannot be reached",
            StoreErrorKind::UnknownOutcome => "the session store did not say whether it stored the change",
            StoreErrorKind::Full => "the session store is full",
            StoreErrorKind::Unreadable => "the stored session is damaged",
            StoreErrorKind::Unsupported => "the session store does not have this ability",
            StoreErrorKind::TooNew => {
                "the stored session was written by a later release of actix-typed-session"
            }
        };
        // Include the source, because many logs show only this text.
        match &self.source {
            Some(source) => write!(f, "{kind}: {source}"),
            None => f.write_str(kind),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<Unreadable> for StoreError {
    fn from(unreadable: Unreadable) -> Self {
        let kind = match unreadable {
            Unreadable::Garbage => StoreErrorKind::Unreadable,
            Unreadable::Newer(_) => StoreErrorKind::TooNew,
        };
        Self::new(kind).with_source(unreadable)
    }
}
