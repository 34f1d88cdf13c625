//! What can go wrong in a store.

use std::{error::Error, fmt};

use crate::record::meta::Unreadable;

/// Why a store could not answer. `Display` names no id and no value.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kinds of [`StoreError`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store cannot be reached or refuses; nothing was changed.
    Unavailable,
    /// A write was sent and no answer came: it may be stored or not. Never send it again.
    UnknownOutcome,
    /// No room for another record or a larger one; nothing was changed.
    Full,
    /// What is stored is damaged; it was left as it is.
    Unreadable,
    /// What is stored was written by a later release of this library; it was left as it is.
    TooNew,
    /// This store cannot do that at all.
    Unsupported,
}

impl StoreError {
    /// An error of this kind.
    #[must_use]
    pub const fn new(kind: StoreErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// The same with what the engine said, for logs. It must hold no id and no value.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of failure this is.
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
            StoreErrorKind::Unsupported => "the session store has no such ability",
            StoreErrorKind::TooNew => {
                "the stored session was written by a later release of actix-typed-session"
            }
        };
        // Logs show this and not always the source, and whoever reads them must know why.
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
