//! What happens to sessions, as values.
//!
//! In: public ids, counts, names. Out: [`Event`], and [`Observer`], which is told of each. Never: what opens a session, or what one holds.

use std::{error::Error, fmt, time::Duration};

use crate::id::public::PublicId;

/// Something that happened to a session, or to a call of its store. [`Observer`] has an example, and `docs/events.md` lists what is logged
/// of each, and when.
///
/// An event has no id that opens a session, no value and no user: the public id is the one that lists and logs show.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A session began.
    Created {
        /// The session.
        id: PublicId,
    },
    /// A session of another library was moved here; its user, if any, is signed in without having proved anew who they are.
    Imported {
        /// The session.
        id: PublicId,
    },
    /// A session of another library could not be moved here; it stays as it is, and its visitor has no session.
    ImportFailed {
        /// Why. It is the application's own error, if its function failed.
        error: &'a (dyn Error + 'static),
    },
    /// A request came with the cookie of a live session and used it.
    Loaded {
        /// The session.
        id: PublicId,
    },
    /// The session's id was replaced; the cookie before opens nothing any more.
    Renewed {
        /// The session.
        id: PublicId,
    },
    /// A user authenticated: signed in, took over from another user, or proved again who they are.
    SignedIn {
        /// The session after the sign-in.
        id: PublicId,
    },
    /// A user's session ended, or another user took it over, as its browser asked.
    SignedOut {
        /// The session.
        id: PublicId,
    },
    /// A session was ended by a request of its own, whether a user was signed in or not.
    Purged {
        /// The session.
        id: PublicId,
    },
    /// A user ended another one of their sessions, if there was one of this id.
    Revoked {
        /// The session that was to end.
        id: PublicId,
    },
    /// A user ended all of their sessions, or all others.
    RevokedAll {
        /// How many ended.
        count: u64,
    },
    /// A request came with the cookie of a session that has expired, or was ended before.
    Expired {
        /// The session.
        id: PublicId,
    },
    /// A store removed sessions that had expired. Redis removes them itself and tells nobody.
    Swept {
        /// How many.
        count: u64,
    },
    /// A request came with a cookie that was replaced by a renewal.
    Superseded {
        /// The session.
        id: PublicId,
    },
    /// Another request was faster; the operations of this one are played again on its result.
    Conflict {
        /// The session.
        id: PublicId,
    },
    /// Other requests were faster until the deadline, so a request was not stored.
    Contended {
        /// The session.
        id: PublicId,
    },
    /// The store did not confirm the end of a session. This process refuses the session until it does.
    Unconfirmed {
        /// The session.
        id: PublicId,
    },
    /// The stored record is damaged, or of a later release of this library.
    Unreadable {
        /// The session.
        id: PublicId,
    },
    /// A later version of a schema wrote its section, and this binary must leave it as it is.
    TooNew {
        /// The name of the schema.
        schema: &'static str,
        /// The version that this binary has.
        version: u16,
        /// The version that the section needs.
        needed: u64,
    },
    /// A stored field does not fit its type.
    UnreadableField {
        /// The wire key of the field.
        field: &'static str,
        /// Whether the field is marked `lenient`, and so reads as its default.
        is_lenient: bool,
        /// Why it cannot be read, without the value.
        error: &'a (dyn Error + 'static),
    },
    /// A request came with cookies of an id's length that no key of the application has signed, or with cookies of another library that its
    /// old key has not.
    Tampered {
        /// How many.
        count: u64,
    },
    /// A request came with the cookies of several live sessions, of which none was used.
    Ambiguous {
        /// How many.
        count: u64,
    },
    /// The store answered. This is told only if there is an observer or the feature `metrics` is on.
    StoreAnswered {
        /// What the store was asked.
        call: StoreCall,
        /// How long it took, with the second try, if there was one.
        took: Duration,
    },
    /// The store failed, or did not answer in time.
    StoreFailed {
        /// What the store was asked.
        call: StoreCall,
        /// How long it took, with the second try, if there was one.
        took: Duration,
        /// The store's error, a [`StoreError`](crate::store::StoreError).
        error: &'a (dyn Error + 'static),
    },
}

/// A call of a store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum StoreCall {
    /// Reading a session.
    Load,
    /// Storing a new session.
    Create,
    /// Changing a session.
    Update,
    /// Ending a session.
    Delete,
    /// Listing or counting the sessions of a user.
    List,
    /// Ending the sessions of a user.
    DeleteAll,
}

impl Event<'_> {
    /// The event's name in the log, in metrics, and in `docs/events.md`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::Imported { .. } => "imported",
            Self::ImportFailed { .. } => "import_failed",
            Self::Loaded { .. } => "loaded",
            Self::Renewed { .. } => "renewed",
            Self::SignedIn { .. } => "signed_in",
            Self::SignedOut { .. } => "signed_out",
            Self::Purged { .. } => "purged",
            Self::Revoked { .. } => "revoked",
            Self::RevokedAll { .. } => "revoked_all",
            Self::Expired { .. } => "expired",
            Self::Swept { .. } => "swept",
            Self::Superseded { .. } => "superseded",
            Self::Conflict { .. } => "conflict",
            Self::Contended { .. } => "contended",
            Self::Unconfirmed { .. } => "unconfirmed",
            Self::Unreadable { .. } => "unreadable",
            Self::TooNew { .. } => "schema_too_new",
            Self::UnreadableField { .. } => "cell_unreadable",
            Self::Tampered { .. } => "tampered",
            Self::Ambiguous { .. } => "ambiguous",
            Self::StoreAnswered { .. } => "store_answered",
            Self::StoreFailed { .. } => "store_failed",
        }
    }
}

impl Event<'_> {
    /// How often it happened: as often as its count says, if it has one.
    #[cfg(any(feature = "admin", feature = "metrics"))]
    pub(crate) const fn count(&self) -> u64 {
        match self {
            Self::RevokedAll { count }
            | Self::Swept { count }
            | Self::Tampered { count }
            | Self::Ambiguous { count } => *count,
            _ => 1,
        }
    }
}

impl StoreCall {
    /// The call's name in the log and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::List => "list",
            Self::DeleteAll => "delete_all",
        }
    }
}

impl fmt::Display for StoreCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Is told of every [`Event`]; set it with [`SessionMiddlewareBuilder::observer`](crate::SessionMiddlewareBuilder::observer).
///
/// It is called on the worker that serves the request, before the response is sent, so it must not wait: count, or hand the event to a
/// channel. A panic is caught and logged. What an event says has happened, even if the request is answered with an error afterwards.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use actix_typed_session::{Event, Key, SessionMiddleware, store::MemoryStore};
///
/// static BEGUN: AtomicU64 = AtomicU64::new(0);
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = SessionMiddleware::builder(MemoryStore::with_max_bytes(256 << 20), Key::generate()?)
///     .observer(|event: &Event<'_>| match event {
///         Event::Created { .. } => drop(BEGUN.fetch_add(1, Ordering::Relaxed)),
///         Event::SignedOut { id } => println!("session {id} was signed out"),
///         _ => {}
///     })
///     .build()?;
/// # let _ = sessions;
/// # Ok(())
/// # }
/// ```
pub trait Observer: Send + Sync + 'static {
    /// Called for each event, when it has happened.
    fn observe(&self, event: &Event<'_>);
}

impl fmt::Debug for dyn Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer(..)")
    }
}

impl<F: Fn(&Event<'_>) + Send + Sync + 'static> Observer for F {
    fn observe(&self, event: &Event<'_>) {
        self(event);
    }
}
