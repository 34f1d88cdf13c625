//! The errors that handlers and browsers see.
//!
//! In: a kind, and sometimes the store's error. Out: an [`Error`] that can be the response to the request. Never: puts an id or a stored
//! value into a message or a response body.

use std::{
    borrow::Cow,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::store::error::{StoreError, StoreErrorKind};

/// The reason why a request's session could not be used or saved.
///
/// A handler that returns it with `?` gets an opaque response with the status that [`ErrorKind`] lists, and with `Retry-After` if that is 503 and
/// trying again cannot store the same write twice.
///
/// A failed extraction or `save` answers the request even if the handler ignores it, as `Option<TypedSession<_>>` does, and what the
/// request did and has not saved is then discarded. To answer otherwise, take a `Result` and call [`acknowledge`](Self::acknowledge).
/// Looking at an error, logging it and rendering it change nothing.
///
/// ```
/// use actix_typed_session::{Error, ErrorKind, Session};
///
/// async fn save(session: Session) -> Result<&'static str, Error> {
///     match session.save().await {
///         Err(error) if error.kind() == ErrorKind::Superseded => {
///             error.acknowledge();
///             Ok("you have signed in in another tab")
///         }
///         other => other.map(|()| "saved"),
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Error {
    cause: Arc<Cause>,
    /// Of this failure as one caller was told of it; clones share it.
    acknowledged: Arc<AtomicBool>,
}

struct Cause {
    kind: ErrorKind,
    because: Option<Cow<'static, str>>,
    source: Option<StoreError>,
}

/// The kinds of [`Error`], each with the status of its response.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No `SessionMiddleware` wraps the route. 500.
    MissingMiddleware,
    /// A `SessionMiddleware` wraps another one with the same cookie, so that both would set it. 500.
    NestedMiddleware,
    /// Several session middlewares wrap the route, and not exactly one of them names the state; see
    /// [`schemas`](crate::SessionMiddlewareBuilder::schemas). 500.
    SeveralSessions,
    /// A page of another site sent a request that may change something. 403.
    ///
    /// See [`trusted_origin`](crate::SessionMiddlewareBuilder::trusted_origin).
    CrossOrigin,
    /// A form or a header lacks the token of the session's pages, or has one from before a sign-in or a renewal. 403.
    ///
    /// See [`CsrfForm`](crate::CsrfForm).
    CsrfToken,
    /// The session was read in a place where it is not loaded yet; see [`eager`](crate::SessionMiddlewareBuilder::eager). 500.
    NotLoaded,
    /// Two types use the same schema name. 500.
    SchemaClash,
    /// Two schemas in one session have a principal field. 500.
    TwoPrincipals,
    /// The store cannot be reached, is full, or did not report the outcome of a write. 503.
    StoreUnavailable,
    /// Other requests kept changing the same fields until the save deadline passed. 503.
    Contended,
    /// The stored record is damaged, or a later release of this library wrote it. It stays as it is. 503.
    Unreadable,
    /// A later version of the schema wrote the section. It stays as it is. 503.
    SchemaTooNew,
    /// A stored field does not fit its type. It stays as it is. 500.
    UnreadableField,
    /// Another request replaced the session's cookie shortly before this one loaded its session, or signed somebody in while this one
    /// ran. What this one did is not stored. 409.
    Superseded,
    /// The session ended while the request ran. Only the calls that ask the store report it, such as
    /// [`Session::save`](crate::Session::save) and [`reload`](crate::Session::reload). 409.
    Gone,
    /// A field's `Serialize` failed. 500.
    NotSerializable,
    /// A field was given a value that could not be read back from its JSON, as a `NaN` or the 128-bit number of a tagged enum. 500.
    NotReadable,
    /// A field's `down` failed, so older binaries could not have read the new value. 500.
    NotConvertible,
    /// A closure given to `update_*` panicked. 500.
    ClosurePanicked,
    /// A closure passed to `update` changed the principal field, which only its setter may do. 500.
    PrincipalInUpdate,
    /// [`Session::set_lifetime`](crate::Session::set_lifetime) was given a duration of zero. 500.
    ZeroLifetime,
    /// The session would grow beyond `max_record_bytes`, or, with a [`SealedCookie`](crate::SealedCookie), beyond what browsers keep in a
    /// cookie. 500.
    TooLarge,
    /// The request would begin or renew a session after the response head was sent, or change one whose cookie would have to change. 500.
    TooLate,
    /// The operating system could not provide random bytes for an id. 500.
    NoRandomness,
    /// The user who is signing in already has as many sessions as `max_sessions_per_user` allows. 403.
    TooManySessions,
    /// The store cannot look up sessions by their user. 500.
    NoIndex,
}

impl ErrorKind {
    const fn message(self) -> &'static str {
        match self {
            Self::MissingMiddleware => {
                "no session middleware wraps this route; add `.wrap(SessionMiddleware::new(store, key))` to the `App`, after the `.wrap(..)` of any middleware that uses the session: what is wrapped last runs first"
            }
            Self::NestedMiddleware => {
                "one session middleware wraps another one with the same cookie; remove one of the two `.wrap(..)`, or give one another `cookie_name`"
            }
            Self::SeveralSessions => {
                "several session middlewares wrap this route; name each state in the `schemas` of the middleware that it belongs to, and in no other"
            }
            Self::CrossOrigin => {
                "a page of another site sent a request that may change something; if that is meant, name the site with `SessionMiddlewareBuilder::trusted_origin`"
            }
            Self::CsrfToken => {
                "the token of the form is missing, or not of this session; load the page again, or put what `Session::csrf_token` returns into its field `csrf_token` or the header `X-CSRF-Token`"
            }
            Self::NotLoaded => {
                "the session is not loaded here; add `.eager()` to `SessionMiddleware::builder(..)`, or load it first: `TypedSession::<YourState>::extract(&request).await`, in middleware `request.extract::<TypedSession<YourState>>().await`"
            }
            Self::SchemaClash => {
                "two types use the same session schema name; give one of them another `name`"
            }
            Self::TwoPrincipals => {
                "two session schemas have a principal field; a session belongs to one user, so keep one of them"
            }
            Self::StoreUnavailable => "the session store is unavailable",
            Self::Contended => {
                "other requests kept changing the same session fields until the deadline; send the request again"
            }
            Self::Unreadable => "the stored session cannot be read; it is left as it is",
            Self::SchemaTooNew => "a later version of the schema wrote this session; it is left as it is",
            Self::UnreadableField => "a stored session field does not fit its type; it is left as it is",
            Self::Superseded => {
                "another request has just replaced the session's cookie or signed somebody in; nothing was stored, so send the request again"
            }
            Self::Gone => "the session ended while the request ran; nothing was stored",
            Self::NotSerializable => "a session field could not be serialised to JSON",
            Self::NotReadable => {
                "a session field was given a value that cannot be read back from its JSON; it is not stored"
            }
            Self::NotConvertible => {
                "a session field could not be converted to its older form; nothing was stored"
            }
            Self::ClosurePanicked => "a closure that updates the session panicked; nothing was stored",
            Self::PrincipalInUpdate => {
                "a closure passed to `update` changed the principal field; call the setter of that field instead"
            }
            Self::ZeroLifetime => {
                "`set_lifetime` was given a duration of less than a millisecond; to end the session, call `purge`"
            }
            Self::TooLarge => {
                "the session is too large; store less in it, or raise `max_record_bytes`; if it lives in its cookie, keep sessions in a store"
            }
            Self::TooLate => {
                "the response head has been sent, so the session cannot begin, be renewed or change its user, and one in a `SealedCookie` or a store of actix-session not change at all; do that in the handler, and call `session.save().await` there"
            }
            Self::NoRandomness => "the operating system could not provide random bytes for a session id",
            Self::TooManySessions => {
                "this user already has as many sessions as `max_sessions_per_user` allows; end one of them first"
            }
            Self::NoIndex => {
                "this session store cannot look up sessions by their user; implement `PrincipalIndex` and announce it in `SessionStore::abilities`, or use a store of this crate"
            }
        }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self::build(kind, None, None)
    }

    /// The same kind of error with `because` as its message instead of the kind's own.
    pub(crate) fn because(self, because: impl Into<Cow<'static, str>>) -> Self {
        Self::build(self.cause.kind, Some(because.into()), None)
    }

    fn build(kind: ErrorKind, because: Option<Cow<'static, str>>, source: Option<StoreError>) -> Self {
        Self { cause: Arc::new(Cause { kind, because, source }), acknowledged: Arc::default() }
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.cause.kind
    }

    /// Takes note of the error, so that the handler's own response answers the request, and what the session did not accept is
    /// dropped. This counts for this error and its clones; another extractor that failed for the same reason has an error of its own.
    pub fn acknowledge(&self) {
        self.acknowledged.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_acknowledged(&self) -> bool {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Whether both are acknowledged together.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.acknowledged, &other.acknowledged)
    }

    /// Whether sending the request again cannot apply a write twice, as far as is known.
    pub(crate) fn can_be_repeated(&self) -> bool {
        let source = self.cause.source.as_ref().map(StoreError::kind);
        source != Some(StoreErrorKind::UnknownOutcome)
    }

    /// The same failure for another caller, who has not acknowledged it.
    pub(crate) fn for_another(&self) -> Self {
        Self { cause: self.cause.clone(), acknowledged: Arc::default() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.cause.because.as_deref().unwrap_or(self.cause.kind.message()))?;
        self.cause.source.as_ref().map_or(Ok(()), |source| write!(f, ": {source}"))
    }
}

#[allow(clippy::missing_fields_in_debug)] // whether it was acknowledged says nothing about what went wrong
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("kind", &self.cause.kind).field("message", &self.to_string()).finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.source.as_ref().map(|source| source as _)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let kind = match error.kind() {
            StoreErrorKind::Unreadable | StoreErrorKind::TooNew => ErrorKind::Unreadable,
            StoreErrorKind::Unsupported => ErrorKind::NoIndex,
            _ => ErrorKind::StoreUnavailable,
        };
        Self::build(kind, None, Some(error))
    }
}
