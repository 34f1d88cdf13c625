//! What an application can configure, and why the defaults are what they are.
//!
//! In: settings. Out: a [`SessionMiddleware`], or what is wrong and how to fix it. Never: a default without a reason.

use std::{fmt, num::NonZeroU32, sync::Arc, time::Duration};

use actix_web::dev::RequestHead;

use super::{
    cookie::{CookieError, CookieOptions, CookieSpec, SameSite},
    middleware::SessionMiddleware,
    origin::Origins,
    site::Site,
};
use crate::{
    commit::exchange::Rules,
    id::{
        keys::{Key, KeyRing, Succession},
        random::Randomness,
    },
    record::{
        change::{MaxSessions, WhenFull},
        time::Limits,
    },
    schema::schemas::Schemas,
    store::{
        any::AnyStore,
        bounded::{BoundedStore, Deadlines},
        contract::SessionStore,
    },
    visit::shared::Shared,
};

/// Half an hour: a person who has left a shared computer is signed out soon (ASVS 5.0 7.3.1; NIST SP 800-63B, AAL2).
const IDLE: Duration = Duration::from_mins(30);

/// Half a day: one sign-in per working day (ASVS 5.0 7.3.2; NIST SP 800-63B, AAL2).
const ABSOLUTE: Duration = Duration::from_hours(12);

/// A session is read on every request of its visitor; larger data belongs in a database.
const MAX_RECORD_BYTES: usize = 64 * 1024;

/// Longer than any healthy store takes, shorter than a visitor waits.
const LOAD: Duration = Duration::from_secs(1);

/// A write may also meet other writers.
const SAVE: Duration = Duration::from_secs(2);

/// Configures a [`SessionMiddleware`]. Every default is the safe choice.
///
/// ```
/// use std::time::Duration;
/// use actix_typed_session::{Key, SessionMiddleware, store::MemoryStore};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = SessionMiddleware::builder(MemoryStore::bounded(100_000), Key::generate()?)
///     .idle_timeout(Duration::from_secs(15 * 60))
///     .build()?;
/// # let _ = sessions;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct SessionMiddlewareBuilder {
    store: AnyStore,
    key: Key,
    retired: Vec<Key>,
    cookie: CookieOptions,
    retired_domains: Vec<String>,
    retired_paths: Vec<String>,
    origins: Origins,
    limits: Limits,
    anonymous: Option<Limits>,
    persistent: bool,
    max_sessions: Option<(u32, WhenFull)>,
    max_record: usize,
    deadlines: Deadlines,
    eager: bool,
    sign_in_page: Option<String>,
    random: Randomness,
    schemas: Schemas,
}

/// Why a configuration is refused.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The cookie cannot be as configured.
    #[error(transparent)]
    Cookie(#[from] CookieError),
    /// A trusted origin is not one.
    #[error(
        "{0:?} is not an origin; write it as browsers send it: `https://app.example.com`, in lower case, with a port only if it is not the usual one, and nothing after it"
    )]
    NotAnOrigin(String),
    /// The page for signing in cannot be the target of a redirect.
    #[error(
        "the sign-in page {0:?} is not a path; write `/sign-in`, with letters beyond ASCII percent-encoded"
    )]
    SignInPage(String),
    /// A duration is zero.
    #[error("`{0}` is zero, so no session would live or no store would answer in time; choose a longer one")]
    Zero(&'static str),
    /// Users may have no sessions at all.
    #[error("`max_sessions_per_user` is zero, so nobody could sign in; allow at least one")]
    NoSessions,
    /// A maximum per user needs a store that finds sessions by their user.
    #[error(
        "`max_sessions_per_user` needs a store that finds sessions by their user; implement `PrincipalIndex` and announce it in `SessionStore::abilities`, or leave `max_sessions_per_user` out"
    )]
    NoIndex,
}

/// The message: `main` prints this form of what it returns.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl SessionMiddlewareBuilder {
    pub(crate) fn of(store: impl SessionStore, key: Key) -> Self {
        Self {
            store: AnyStore::new(store),
            key,
            retired: Vec::new(),
            cookie: CookieOptions::default(),
            retired_domains: Vec::new(),
            retired_paths: Vec::new(),
            origins: Origins::default(),
            limits: Limits { idle: IDLE, absolute: ABSOLUTE },
            anonymous: None,
            persistent: false,
            max_sessions: None,
            max_record: MAX_RECORD_BYTES,
            deadlines: Deadlines { load: LOAD, save: SAVE },
            eager: false,
            sign_in_page: None,
            random: Randomness::System,
            schemas: Schemas::default(),
        }
    }

    /// Adds an old key, which still opens the cookies that it signed. The new key goes to `new` or `builder`.
    ///
    /// To change keys on a fleet without signing anybody out, first deploy the new key here, then swap the two, and remove the old
    /// one after the absolute timeout.
    pub fn retired_key(mut self, key: Key) -> Self {
        self.retired.push(key);
        self
    }

    /// Sets the cookie's name, without its prefix. The default is `sid`.
    ///
    /// The prefix follows from the attributes: `__Host-` makes browsers refuse the cookie from any other host, `__Secure-`
    /// takes its place with a [`cookie_domain`](Self::cookie_domain) or a [`cookie_path`](Self::cookie_path).
    pub fn cookie_name(mut self, name: impl Into<String>) -> Self {
        self.cookie.name = name.into();
        self
    }

    /// Shares the session with the subdomains of `domain`. By default only this host gets the cookie, so that no sibling can plant one.
    pub fn cookie_domain(mut self, domain: impl Into<String>) -> Self {
        self.cookie.domain = Some(domain.into());
        self
    }

    /// Limits the cookie to requests below `path`. The default is `/`: a path is no protection, and two sessions on one host are
    /// confusing.
    pub fn cookie_path(mut self, path: impl Into<String>) -> Self {
        self.cookie.path = path.into();
        self
    }

    /// Makes browsers forget the cookie that they still have for a domain of before, whenever they get a new one and on signing out.
    /// Otherwise they would go on sending both. An empty `domain` stands for a cookie without one.
    ///
    /// Until then either cookie opens its session; a browser that has two live sessions reads as signed out, and a sign-in sets that
    /// right. Call it once for each domain and each [path](Self::retired_cookie_path) of the last
    /// [`absolute_timeout`](Self::absolute_timeout); all combinations are removed. If the change gave the cookie another prefix, as
    /// from no domain to one, it has another name, and the sessions of before are not found in either case.
    pub fn retired_cookie_domain(mut self, domain: impl Into<String>) -> Self {
        self.retired_domains.push(domain.into());
        self
    }

    /// Makes browsers forget the cookie that they still have for a path of before; see
    /// [`retired_cookie_domain`](Self::retired_cookie_domain).
    pub fn retired_cookie_path(mut self, path: impl Into<String>) -> Self {
        self.retired_paths.push(path.into());
        self
    }

    /// Sets which requests from other sites carry the cookie. The default is [`SameSite::Lax`]: with `Strict`, a visitor who
    /// follows a link to your site arrives signed out.
    pub fn cookie_same_site(mut self, same_site: SameSite) -> Self {
        self.cookie.same_site = same_site;
        self
    }

    /// Accepts requests of pages of `origin` that change something, such as `https://app.example.com`. Call it once for each.
    ///
    /// By default such a request is answered with 403 ([`ErrorKind::CrossOrigin`](crate::ErrorKind::CrossOrigin)) unless a page of the
    /// same origin sent it, so that no other site can act with a visitor's cookie (cross-site request forgery, OWASP ASVS 5.0 3.5.1).
    /// `SameSite` alone leaves out what hosts of the same site send, such as `blog.example.com`. What counts is `Sec-Fetch-Site`, or
    /// `Origin` compared with the host, which browsers send and pages cannot change; a client that sends neither is not a browser.
    /// `GET`, `HEAD` and `OPTIONS` always pass, so they must not change anything (ASVS 3.5.3); WebSocket handshakes are checked.
    ///
    /// Behind a proxy that changes `Host`, let it send `X-Forwarded-Host`; only old browsers and plain HTTP need it. Nothing is to be
    /// trusted for CORS that a page only reads; for more than that, configure a CORS middleware too, wrapped around this one.
    ///
    /// ```
    /// use actix_typed_session::{Key, SessionMiddleware, store::MemoryStore};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sessions = SessionMiddleware::builder(MemoryStore::bounded(100_000), Key::generate()?)
    ///     .trusted_origin("https://app.example.com")
    ///     .build()?;
    /// # let _ = sessions;
    /// # Ok(())
    /// # }
    /// ```
    pub fn trusted_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.trusted.push(origin.into());
        self
    }

    /// Accepts requests of pages of every site if `exempt` says so, for routes that prove in another way whom they serve: where an
    /// identity provider posts its answer (SAML, OIDC with `form_post`), or a bank the outcome of a payment.
    ///
    /// Such a request carries the session's cookie only with [`SameSite::None`]. Compare whole paths: a prefix may serve more than it
    /// was meant to.
    ///
    /// ```
    /// use actix_typed_session::{Key, SessionMiddleware, store::MemoryStore};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sessions = SessionMiddleware::builder(MemoryStore::bounded(100_000), Key::generate()?)
    ///     .dangerous_cross_origin(|request| request.uri.path() == "/saml/acs")
    ///     .build()?;
    /// # let _ = sessions;
    /// # Ok(())
    /// # }
    /// ```
    pub fn dangerous_cross_origin(
        mut self,
        exempt: impl Fn(&RequestHead) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.origins.exempt = Some(Arc::new(exempt));
        self
    }

    /// Allows development over plain HTTP, with a cookie that lacks `Secure` and has another name. Never use it in production:
    /// anyone who can read the network can take over every session.
    pub fn dangerous_insecure_cookie(mut self) -> Self {
        self.cookie.insecure = true;
        self
    }

    /// Sets how long a session lives without a request. The default is 30 minutes (ASVS 5.0 7.3.1). Activity is recorded to within
    /// a tenth of this time.
    pub fn idle_timeout(mut self, idle: Duration) -> Self {
        self.limits.idle = idle;
        self
    }

    /// Sets how long a session lives after the sign-in, however active it is. The default is 12 hours (ASVS 5.0 7.3.2).
    pub fn absolute_timeout(mut self, absolute: Duration) -> Self {
        self.limits.absolute = absolute;
        self
    }

    /// Sets both limits for sessions in which nobody is signed in; by default they are those of the others. A cart may then live for
    /// weeks, while a sign-in ends after half an hour: signing in begins the limits of a user.
    pub fn anonymous_timeouts(mut self, idle: Duration, absolute: Duration) -> Self {
        self.anonymous = Some(Limits { idle, absolute });
        self
    }

    /// Lets the cookie of every session outlive the browser. By default it ends with the browser (NIST SP 800-63B 7.1), and
    /// `Session::set_lifetime` decides for a single session.
    pub fn persistent_cookie(mut self) -> Self {
        self.persistent = true;
        self
    }

    /// Limits how many sessions one user may have at a time, and says what happens to one more. By default there is no limit,
    /// because a session that is refused or ended surprises its user; ASVS 5.0 7.1.2 asks for a decision. Sessions are counted when
    /// the principal field is set.
    ///
    /// With [`WhenFull::RejectNew`] one sign-in too many is answered with 403
    /// ([`ErrorKind::TooManySessions`](crate::ErrorKind::TooManySessions)); with [`WhenFull::EvictOldest`] the session that signed in
    /// first ends. All stores of this crate can count; one of your own needs a [`PrincipalIndex`](crate::store::PrincipalIndex).
    ///
    /// ```
    /// use actix_typed_session::{Key, SessionMiddleware, WhenFull, store::MemoryStore};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sessions = SessionMiddleware::builder(MemoryStore::bounded(100_000), Key::generate()?)
    ///     .max_sessions_per_user(3, WhenFull::EvictOldest)
    ///     .build()?;
    /// # let _ = sessions;
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_sessions_per_user(mut self, most: u32, when_full: WhenFull) -> Self {
        self.max_sessions = Some((most, when_full));
        self
    }

    /// Sets the most bytes that one session may hold, counting wire keys and JSON text. The default is 64 KiB.
    pub fn max_record_bytes(mut self, bytes: usize) -> Self {
        self.max_record = bytes;
        self
    }

    /// Sets how long a request waits for its session, including the one retry. The default is 1 second.
    pub fn load_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.load = deadline;
        self
    }

    /// Sets how long a request waits for its session to be stored, including retries after conflicts. The default is 2 seconds.
    pub fn save_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.save = deadline;
        self
    }

    /// Names the states that handlers use, so that two that clash fail at start-up. A state that is not named here is checked by the
    /// first request that uses it.
    pub fn schemas(mut self, schemas: Schemas) -> Self {
        self.schemas = schemas;
        self
    }

    /// Loads the session before guards and inner middleware run. By default it is loaded by the first extractor, so that a route
    /// without a session costs nothing and works while the store does not.
    pub fn eager(mut self) -> Self {
        self.eager = true;
        self
    }

    /// Sends browsers to `page`, a path such as `/sign-in`, where [`SignedIn`](crate::SignedIn) or
    /// [`Session::signed_in_within`](crate::Session::signed_in_within) fails. By default they are answered with 401.
    ///
    /// The page is not told where the visitor came from: an address in a query is what attackers put there. Keep it in the session.
    pub fn sign_in_page(mut self, page: impl Into<String>) -> Self {
        self.sign_in_page = Some(page.into());
        self
    }

    /// Makes ids from chosen bytes, for tests of what happens when they repeat.
    #[cfg(feature = "testing")]
    pub fn chosen_randomness(mut self, fill: fn(&mut [u8])) -> Self {
        self.random = Randomness::Chosen(fill);
        self
    }

    /// Builds the middleware.
    ///
    /// # Errors
    /// When settings contradict each other, or browsers would refuse the cookie; the message says which, and what to do.
    pub fn build(self) -> Result<SessionMiddleware, ConfigError> {
        let durations = [
            ("idle_timeout", self.limits.idle),
            ("absolute_timeout", self.limits.absolute),
            (
                "anonymous_timeouts",
                self.anonymous.map_or(IDLE, |anonymous| anonymous.idle.min(anonymous.absolute)),
            ),
            ("load_deadline", self.deadlines.load),
            ("save_deadline", self.deadlines.save),
        ];
        if let Some((name, _)) = durations.into_iter().find(|(_, duration)| duration.as_millis() == 0) {
            return Err(ConfigError::Zero(name));
        }
        if let Some(mistake) = self.origins.mistake() {
            return Err(ConfigError::NotAnOrigin(mistake.into()));
        }
        if let Some(page) = self.sign_in_page.as_ref().filter(|page| !is_path(page)) {
            return Err(ConfigError::SignInPage(page.clone()));
        }
        let cookie = CookieSpec::new(&self.cookie)?;
        let retired = self.retired_cookies()?;
        let max_sessions = match self.max_sessions {
            None => None,
            Some(_) if !self.store.abilities().has_index() => return Err(ConfigError::NoIndex),
            Some((most, when_full)) => {
                let most = NonZeroU32::new(most).ok_or(ConfigError::NoSessions)?;
                Some(MaxSessions::new(most, when_full))
            }
        };
        Ok(self.with(cookie, retired, max_sessions))
    }

    pub(crate) fn finish_with_defaults(self) -> SessionMiddleware {
        self.with(CookieSpec::standard(), Vec::new(), None)
    }

    /// Every cookie that a browser may have from before, but not the one of today.
    fn retired_cookies(&self) -> Result<Vec<CookieSpec>, CookieError> {
        let now = &self.cookie;
        let domains =
            self.retired_domains.iter().map(|domain| Some(domain.clone()).filter(|it| !it.is_empty()));
        let domains: Vec<_> = domains.chain([now.domain.clone()]).collect();
        let paths: Vec<_> = self.retired_paths.iter().chain([&now.path]).collect();
        let lower = |domain: &Option<String>| domain.as_deref().map(str::to_ascii_lowercase);
        let mut retired = Vec::new();
        for (domain, path) in domains.iter().flat_map(|domain| paths.iter().map(move |path| (domain, *path)))
        {
            if lower(domain) != lower(&now.domain) || *path != now.path {
                let (domain, path) = (domain.clone(), path.clone());
                let cookie = CookieSpec::new(&CookieOptions { domain, path, ..now.clone() })?;
                if !retired.contains(&cookie) {
                    retired.push(cookie);
                }
            }
        }
        Ok(retired)
    }

    fn with(
        self,
        cookie: CookieSpec,
        retired: Vec<CookieSpec>,
        max_sessions: Option<MaxSessions>,
    ) -> SessionMiddleware {
        let rules = Rules {
            limits: self.limits,
            anonymous: self.anonymous.unwrap_or(self.limits),
            persistent: self.persistent,
            max_sessions,
            max_record: self.max_record,
            deadline: self.deadlines.save,
            random: self.random,
            succession: Succession::new(&self.key),
        };
        let csrf = KeyRing::for_csrf(cookie.name(), &self.key, &self.retired);
        let mut shared =
            Shared::new(BoundedStore::new(self.store, self.deadlines), rules, csrf, self.schemas);
        shared.sign_in_page = self.sign_in_page.map(Into::into);
        let keys = KeyRing::new(cookie.name(), &self.key, &self.retired);
        let site = Site {
            cookie,
            retired,
            keys,
            origins: self.origins,
            eager: self.eager,
            lines: shared.lines.clone(),
        };
        SessionMiddleware::over(site, shared)
    }
}

/// Whether browsers stay on this host if they are sent to `page`: `//` begins the name of another one, and so does `/\\`.
fn is_path(page: &str) -> bool {
    let is_relative = page.starts_with('/') && !page.starts_with("//") && !page.contains('\\');
    is_relative && page.bytes().all(|byte| byte.is_ascii_graphic())
}

impl SessionMiddleware {
    /// Makes the middleware with every default; see [`SessionMiddlewareBuilder`] for what they are and why.
    pub fn new(store: impl SessionStore, key: Key) -> Self {
        SessionMiddlewareBuilder::of(store, key).finish_with_defaults()
    }

    /// Begins a configuration that changes some of the defaults.
    pub fn builder(store: impl SessionStore, key: Key) -> SessionMiddlewareBuilder {
        SessionMiddlewareBuilder::of(store, key)
    }
}
