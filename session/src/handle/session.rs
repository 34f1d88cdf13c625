//! The session's life-cycle: what handlers do with a session as a whole.
//!
//! In: calls of a handler. Out: recorded operations, what is known of the session. Never: fields; those are the states'.

use std::{fmt, future::Future, panic::Location, rc::Rc, time::Duration};

use crate::{
    commit::{
        arrival::touch_is_due,
        operation::{Lifetime, Operation},
    },
    error::Error,
    id::public::PublicId,
    record::{
        meta::Principal,
        time::{Limits, Timestamp},
    },
    visit::{run_to_end::RunToEnd, visit::Visit},
};

/// The visitor's session as a whole. Extract it, or take it from a handle with `session()`.
///
/// ```
/// use actix_typed_session::Session;
/// use actix_web::Responder;
///
/// async fn sign_out(session: Session) -> impl Responder {
///     session.purge();
///     "bye"
/// }
/// ```
#[derive(Clone)]
pub struct Session(Rc<Visit>);

impl Session {
    pub(crate) const fn of(visit: Rc<Visit>) -> Self {
        Self(visit)
    }

    pub(crate) const fn visit(&self) -> &Rc<Visit> {
        &self.0
    }

    /// Replaces the id: the old cookie is dead as soon as this request is answered. Nothing else changes.
    ///
    /// Setting a principal field does this by itself; call it for other changes of privilege (ASVS 5.0 7.2.4).
    #[track_caller]
    pub fn renew(&self) {
        self.0.perform(Operation::Renew, Location::caller());
    }

    /// Ends the session: no request in flight brings it back. What is set afterwards begins a new one.
    #[track_caller]
    pub fn purge(&self) {
        self.0.perform(Operation::Purge, Location::caller());
    }

    /// Forgets what this request did to the session and has not saved.
    pub fn discard(&self) {
        self.0.discard();
    }

    /// Stores what this request did so far; all its handles then read what is stored, writes of other requests included.
    ///
    /// Needed where the answer depends on it, and in streams and on web sockets; otherwise the end of the request does it. Once
    /// begun it runs to its end, even if the future is dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`](crate::ErrorKind::Gone) if the session ended meanwhile,
    /// [`Contended`](crate::ErrorKind::Contended) if other requests were faster until the deadline,
    /// [`TooLate`](crate::ErrorKind::TooLate) if it needs a cookie and the response head is sent,
    /// [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store is.
    pub fn save(&self) -> impl Future<Output = Result<(), Error>> + use<> {
        RunToEnd::new(self.0.clone().save())
    }

    /// How long the session lives from now on, and whether its cookie outlives the browser ("remember me").
    ///
    /// The id is renewed with it, since the browser needs another cookie. Call it together with the sign-in.
    #[track_caller]
    pub fn set_lifetime(&self, idle: Duration, absolute: Duration, persistent: bool) {
        self.0.perform(
            Operation::Lifetime(Lifetime { limits: Limits { idle, absolute }, persistent }),
            Location::caller(),
        );
    }

    /// Whether the browser came with a live session that this request has not left.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.0.read_record(|_, _| ()).is_some()
    }

    /// Whether this request begins a session.
    #[must_use]
    pub fn is_new(&self) -> bool {
        !self.exists() && self.0.fold(|fold| fold.patch.writes_a_value())
    }

    /// What lists and logs call the session by. It opens nothing. `None` before the session exists.
    #[must_use]
    pub fn public_id(&self) -> Option<PublicId> {
        self.0.public_id()
    }

    /// When the session began, by the store's clock.
    #[must_use]
    pub fn created(&self) -> Option<Timestamp> {
        self.0.read_record(|record, _| record.meta().created)
    }

    /// How long the session lives if the browser stays away after this request, counted from when it loaded the session.
    #[must_use]
    pub fn expires_in(&self) -> Option<Duration> {
        self.0.read_record(|record, now| {
            let mut meta = record.meta().clone();
            // A visit that will be recorded counts already; one that comes too soon for that does not prolong anything.
            if touch_is_due(&meta, now) {
                meta.touched = now;
            }
            meta.expires().since(now)
        })
    }

    /// Who is signed in, as this request left it.
    #[must_use]
    pub fn principal(&self) -> Option<Principal> {
        // Asked for the record first: of an unreadable one nothing must be told.
        self.0.read_record(|_, _| ());
        self.0.fold(|fold| fold.principal.clone())
    }

    /// Whether who is signed in was proven at most `within` ago (ASVS 5.0 7.5.3); setting the principal field proves it.
    #[must_use]
    pub fn authenticated_within(&self, within: Duration) -> bool {
        if self.0.fold(|fold| fold.signed_in.is_some()) {
            return true;
        }
        let proven = |at: Option<Timestamp>, now: Timestamp| at.is_some_and(|at| now.since(at) <= within);
        self.0.read_record(|record, now| proven(record.meta().authenticated, now)).unwrap_or(false)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("public_id", &self.public_id()).finish_non_exhaustive()
    }
}
