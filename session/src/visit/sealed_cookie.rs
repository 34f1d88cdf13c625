//! Sessions that live in their cookies, for an application without a store: what it chooses.
//!
//! In: the name of the application, and what tells whether a session was ended on the server. Out: a [`SealedCookie`]. Never: a key.

use std::{fmt, marker::PhantomData, pin::Pin, sync::Arc};

use crate::store::{
    clock::{Clock, SystemClock},
    error::StoreError,
    index::Listed,
};

/// Keeps each session in its cookie, sealed by the application's key: no store is needed. It goes where a store goes:
///
/// ```
/// use actix_typed_session::{Key, SealedCookie, SessionMiddleware};
///
/// # fn main() -> Result<(), actix_typed_session::KeyError> {
/// let home = SealedCookie::new("shop").without_server_logout();
/// let sessions = SessionMiddleware::new(home, Key::generate()?);
/// # let _ = sessions;
/// # Ok(())
/// # }
/// ```
///
/// It does not compile without saying what a logout means:
///
/// ```compile_fail,E0277
/// # use actix_typed_session::{Key, SealedCookie, SessionMiddleware};
/// # fn main() -> Result<(), actix_typed_session::KeyError> {
/// let sessions = SessionMiddleware::new(SealedCookie::new("shop"), Key::generate()?);
/// # let _ = sessions;
/// # Ok(())
/// # }
/// ```
///
/// Nobody but the holders of the key can read or change what is in the cookie (XChaCha20-Poly1305), and the server enforces both timeouts
/// by its own clock. The cookie counts for this application, this name and this key alone (OWASP ASVS 5.0 9.1.1, 9.2.1, 9.2.3). After each
/// change, and each tenth of the idle timeout, the browser gets another one.
///
/// # What it cannot promise
///
/// There is no record on the server, so these promises of a store do not hold:
///
/// * **A logout removes the cookie from the browser, and a copy of the cookie still opens the session**, as it was when it was copied,
///   until a timeout. An older cookie of the same session does, too. [`revoked_by`](Self::revoked_by) asks your own records; otherwise
///   say so with [`without_server_logout`](Self::without_server_logout). One of the two has to be called.
/// * **A cookie from before a sign-in still opens the anonymous session**, to which its holder can sign in as themselves. If a browser
///   sends states of one session that belong to different users, it is signed out, and a sign-out ends both.
/// * **Overlapping requests overwrite each other.** Each changes the session that its cookie brought, and the last response counts for
///   all fields. A slow response can bring back what a faster one has removed, a sign-in among them.
/// * A user's sessions cannot be listed, counted or ended, and `max_sessions_per_user` is refused.
/// * Once the response has begun, nothing can be stored: [`ErrorKind::TooLate`](crate::ErrorKind::TooLate).
///
/// # How much it holds
///
/// Browsers keep a cookie of 4096 bytes, all of `Set-Cookie` counted. What is stored is compressed; a session that is still too large answers
/// the request with [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge), which names the largest fields.
///
/// The length of the cookie tells how well its content compresses. Who can write to the session and sees the lengths of many responses could
/// guess what else is in it. Mark a field that holds a secret of another system, such as an access token,
/// [`secret`](macro@crate::SessionState): it is sealed by itself before the session is compressed, and then its length alone is told.
#[doc(alias = "CookieSessionStore")]
pub struct SealedCookie<L = Logout> {
    pub(crate) application: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) revocations: Option<Arc<dyn DynRevocations>>,
    logout: PhantomData<L>,
}

/// What a logout means to a [`SealedCookie`] has been said.
#[derive(Clone, Copy, Debug)]
pub enum Logout {}

/// What a logout means to a [`SealedCookie`] is yet to be said: call `revoked_by` or `without_server_logout`.
#[derive(Clone, Copy, Debug)]
pub enum LogoutNotChosen {}

impl SealedCookie<LogoutNotChosen> {
    /// Sessions of `application`, the name of which keeps cookies of another application that has the same key from counting here.
    #[must_use]
    pub fn new(application: impl Into<String>) -> Self {
        Self {
            application: application.into(),
            clock: Arc::new(SystemClock),
            revocations: None,
            logout: PhantomData,
        }
    }

    /// Asks `revocations` whether the session of a cookie was ended, and tells it of each session that a request ends.
    #[must_use]
    pub fn revoked_by(self, revocations: impl Revocations) -> SealedCookie {
        self.chosen(Some(Arc::new(revocations)))
    }

    /// Accepts that a logout only removes the cookie from the browser: a copy of it opens the session until a timeout.
    #[must_use]
    pub fn without_server_logout(self) -> SealedCookie {
        self.chosen(None)
    }

    fn chosen(self, revocations: Option<Arc<dyn DynRevocations>>) -> SealedCookie {
        let Self { application, clock, .. } = self;
        SealedCookie { application, clock, revocations, logout: PhantomData }
    }
}

impl<L> SealedCookie<L> {
    /// Takes the time from `clock`, for tests.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }
}

impl<L> fmt::Debug for SealedCookie<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedCookie").field("application", &self.application).finish_non_exhaustive()
    }
}

/// Which sessions were ended although a cookie may still carry them: records of the application's own, such as a table.
///
/// It is asked once by each request that uses a session, within the [load
/// deadline](crate::SessionMiddlewareBuilder::load_deadline). An error answers the request with 503, since "nobody is signed in" and "still
/// signed in" could both be wrong.
///
/// ```
/// use std::{collections::HashSet, sync::Mutex};
/// use actix_typed_session::{Revocations, id::Selector, record::Principal, store::{Listed, StoreError}};
///
/// /// For one process. A fleet needs a table that all instances share, and removes entries after `meta.expires()`.
/// #[derive(Default)]
/// struct Ended(Mutex<HashSet<(Selector, Option<Principal>)>>);
///
/// fn ended(session: &Listed) -> (Selector, Option<Principal>) {
///     (session.selector, session.meta.principal.clone())
/// }
///
/// impl Revocations for Ended {
///     async fn is_revoked(&self, session: &Listed) -> Result<bool, StoreError> {
///         Ok(self.0.lock().is_ok_and(|them| them.contains(&ended(session))))
///     }
///
///     async fn revoke(&self, session: &Listed) -> Result<(), StoreError> {
///         if let Ok(mut them) = self.0.lock() {
///             them.insert(ended(session));
///         }
///         Ok(())
///     }
/// }
/// # let _ = Ended::default();
/// ```
///
/// The user belongs to what is remembered. A sign-in keeps the selector of the anonymous session that it began in, so somebody who has an
/// older copy of that session's cookie, such as whoever planted it, could otherwise end the user's session by a logout of their own.
pub trait Revocations: Send + Sync + 'static {
    /// Whether `session` was ended: by a logout, or for example because its user's account was disabled after `meta.authenticated`.
    ///
    /// # Errors
    /// When that cannot be found out.
    fn is_revoked(&self, session: &Listed) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Remembers that `session` has ended, until `meta.expires()` at least.
    ///
    /// # Errors
    /// When that cannot be remembered. The logout is answered with 503 then, and the cookie stays, so that it can be tried again. So it is
    /// if this release cannot read the session, which it then cannot tell of.
    fn revoke(&self, session: &Listed) -> impl Future<Output = Result<(), StoreError>> + Send;
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// [`Revocations`] in a form that a `dyn` can have.
pub(crate) trait DynRevocations: Send + Sync {
    fn dyn_is_revoked<'a>(&'a self, session: &'a Listed) -> Boxed<'a, bool>;
    fn dyn_revoke<'a>(&'a self, session: &'a Listed) -> Boxed<'a, ()>;
}

impl<R: Revocations> DynRevocations for R {
    fn dyn_is_revoked<'a>(&'a self, session: &'a Listed) -> Boxed<'a, bool> {
        Box::pin(self.is_revoked(session))
    }

    fn dyn_revoke<'a>(&'a self, session: &'a Listed) -> Boxed<'a, ()> {
        Box::pin(self.revoke(session))
    }
}
