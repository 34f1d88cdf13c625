//! What can go wrong, as a handler and as a browser see it.
//!
//! In: a kind, perhaps what the store said. Out: an [`Error`] that answers the request by itself. Never: an id or a value, in
//! messages or in bodies.

use std::{
    borrow::Cow,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::store::error::{StoreError, StoreErrorKind};

/// Why a request's session could not be used or saved.
///
/// Returned from a handler with `?` it becomes the right response: opaque, 503 with `Retry-After` where trying again helps.
/// A failed extraction that a handler swallowed (as `Option<TypedSession<_>>` does) still answers the request, unless the
/// handler took it as `Result` and looked at [`kind`](Self::kind).
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    because: Option<Cow<'static, str>>,
    source: Option<StoreError>,
    /// Somebody looked at it or answered with it.
    acknowledged: AtomicBool,
}

/// The kinds of [`Error`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No `SessionMiddleware` wraps the route. 500.
    MissingMiddleware,
    /// The session was asked for where it has not been loaded; see `SessionMiddlewareBuilder::eager`. 500.
    NotLoaded,
    /// Two types use one schema name. 500.
    SchemaClash,
    /// Two schemas of one session have a principal field. 500.
    TwoPrincipals,
    /// The store cannot be reached, is full, or did not say what became of a write. 503.
    StoreUnavailable,
    /// Other requests kept changing the same fields until the deadline. 503.
    Contended,
    /// The stored record is damaged or of a later layout. It is left as it is. 503.
    Unreadable,
    /// The section was written by a later version of the schema. It is left as it is. 503.
    SchemaTooNew,
    /// A stored field does not fit its type. It is left as it is. 500.
    UnreadableField,
    /// The browser's cookie was replaced a moment ago and it does not know yet. 409.
    Superseded,
    /// The session ended while the request ran; only [`Session::save`](crate::Session::save) says so. 409.
    Gone,
    /// A field's `Serialize` failed. 500.
    NotSerializable,
    /// A field's `down` failed, so that older binaries could not read what was set. 500.
    NotConvertible,
    /// A closure given to `update_*` panicked. 500.
    ClosurePanicked,
    /// A closure given to `update` changed the principal field; sign in with its setter. 500.
    PrincipalInUpdate,
    /// The session would grow beyond `max_record_bytes`. 500.
    TooLarge,
    /// A session would have to begin or be renewed after the response head was sent. 500.
    TooLate,
    /// The operating system gave no randomness for an id. 500.
    NoRandomness,
    /// Who wants to sign in has as many sessions as `max_sessions_per_user` allows. 403.
    TooManySessions,
    /// The store cannot find sessions by their user. 500.
    NoIndex,
}

impl ErrorKind {
    const fn message(self) -> &'static str {
        match self {
            Self::MissingMiddleware => {
                "no session middleware wraps this route; add `.wrap(SessionMiddleware::new(store, key))` to the `App`"
            }
            Self::NotLoaded => {
                "the session is not loaded here; add `.eager()` to `SessionMiddleware::builder(..)`, or load it first: `TypedSession::<YourState>::extract(&request).await`, in middleware `request.extract::<TypedSession<YourState>>().await`"
            }
            Self::SchemaClash => "two types use one session schema name; give one of them another `name`",
            Self::TwoPrincipals => {
                "two session schemas have a principal field; a session belongs to one user, so keep one of them"
            }
            Self::StoreUnavailable => "the session store is unavailable",
            Self::Contended => "other requests kept changing the same session fields until the deadline",
            Self::Unreadable => "the stored session cannot be read; it is left as it is",
            Self::SchemaTooNew => {
                "the session was written by a later version of its schema; this binary leaves it as it is"
            }
            Self::UnreadableField => "a stored session field does not fit its type; it is left as it is",
            Self::Superseded => "the session's cookie was replaced a moment ago; send the request again",
            Self::Gone => "the session ended while the request ran; nothing was stored",
            Self::NotSerializable => "a session field could not be serialised to JSON",
            Self::NotConvertible => {
                "a session field could not be converted for the binaries of an older version; nothing was stored"
            }
            Self::ClosurePanicked => "a closure that updates the session panicked; nothing was stored",
            Self::PrincipalInUpdate => {
                "a closure given to `update` changed the principal field; who is signed in is set with the field's own setter"
            }
            Self::TooLarge => "the session is too large",
            Self::TooLate => {
                "the response head is sent, so no session can begin, be renewed, or change its user; do it in the handler and call `session.save().await`"
            }
            Self::NoRandomness => "the operating system gave no randomness for a session id",
            Self::TooManySessions => {
                "this user has as many sessions as `max_sessions_per_user` allows; one of them must end first"
            }
            Self::NoIndex => {
                "this session store cannot find sessions by their user; implement `PrincipalIndex` and `SessionStore::index`, or use a store of this crate"
            }
        }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self::build(kind, None, None)
    }

    /// With particulars in place of the kind's own message.
    pub(crate) fn because(self, because: impl Into<Cow<'static, str>>) -> Self {
        Self::build(self.0.kind, Some(because.into()), None)
    }

    fn build(kind: ErrorKind, because: Option<Cow<'static, str>>, source: Option<StoreError>) -> Self {
        Self(Arc::new(Inner { kind, because, source, acknowledged: AtomicBool::new(false) }))
    }

    /// What went wrong. Asking counts as handling it: a failed extraction no longer answers the request by itself.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.acknowledge();
        self.0.kind
    }

    pub(crate) fn is_acknowledged(&self) -> bool {
        self.0.acknowledged.load(Ordering::Relaxed)
    }

    pub(crate) fn acknowledge(&self) {
        self.0.acknowledged.store(true, Ordering::Relaxed);
    }

    pub(crate) fn peek(&self) -> ErrorKind {
        self.0.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.because.as_deref().unwrap_or(self.0.kind.message()))?;
        self.0.source.as_ref().map_or(Ok(()), |source| write!(f, ": {source}"))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("kind", &self.0.kind).field("message", &self.to_string()).finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| source as _)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let kind = match error.kind() {
            StoreErrorKind::Unreadable | StoreErrorKind::TooNew => ErrorKind::Unreadable,
            _ => ErrorKind::StoreUnavailable,
        };
        Self::build(kind, None, Some(error))
    }
}
