//! What an application can configure, and why the defaults are what they are.
//!
//! In: settings. Out: the same for `build`, which checks them. Never: a default without a reason.

use std::{sync::Arc, time::Duration};

use actix_web::dev::RequestHead;

use super::{
    cookie::{CookieOptions, SameSite},
    home::{Home, SessionHome},
    origin::Origins,
    site::Manners,
};
#[cfg(feature = "actix-session-import")]
use crate::import::settings::ActixSession;
use crate::{
    events::event::Observer,
    id::{keys::Keys, random::Randomness},
    record::{change::WhenFull, time::Limits},
    schema::schemas::Schemas,
    store::bounds::Deadlines,
};

/// Half an hour: a person who has left a shared computer is signed out soon (ASVS 5.0 7.3.1; NIST SP 800-63B, AAL2).
pub(super) const IDLE: Duration = Duration::from_secs(30 * 60);

/// Half a day: one sign-in per working day (ASVS 5.0 7.3.2; NIST SP 800-63B, AAL2).
const ABSOLUTE: Duration = Duration::from_secs(12 * 3600);

/// A session is read on every request of its visitor; larger data belongs in a database.
const MAX_RECORD_BYTES: usize = 64 * 1024;

/// Longer than any healthy store takes, shorter than a visitor waits.
const LOAD: Duration = Duration::from_secs(1);

/// A write may also meet other writers.
const SAVE: Duration = Duration::from_secs(2);

/// Configures a [`SessionMiddleware`](crate::SessionMiddleware). Every default is the safe choice.
///
/// ```
/// use std::time::Duration;
/// use actix_typed_session::{Key, SessionMiddleware, store::MemoryStore};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = SessionMiddleware::builder(MemoryStore::with_max_bytes(256 << 20), Key::generate()?)
///     .idle_timeout(Duration::from_secs(15 * 60))
///     .build()?;
/// # let _ = sessions;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct SessionMiddlewareBuilder {
    pub(super) home: Home,
    pub(super) keys: Keys,
    pub(super) cookie: CookieOptions,
    pub(super) id_header: Option<String>,
    pub(super) retired_domains: Vec<String>,
    pub(super) retired_paths: Vec<String>,
    pub(super) origins: Origins,
    pub(super) manners: Manners,
    pub(super) limits: Limits,
    pub(super) anonymous: Option<Limits>,
    pub(super) persistent: bool,
    pub(super) max_sessions: Option<(u32, WhenFull)>,
    pub(super) max_record: usize,
    pub(super) deadlines: Deadlines,
    pub(super) eager: bool,
    pub(super) sign_in_page: Option<String>,
    pub(super) observer: Option<Arc<dyn Observer>>,
    pub(super) random: Randomness,
    pub(super) schemas: Schemas,
    #[cfg(feature = "actix-session-import")]
    pub(super) import: Option<ActixSession>,
}

impl SessionMiddlewareBuilder {
    pub(crate) fn of(home: impl SessionHome, keys: Keys) -> Self {
        Self {
            home: home.into_home(),
            keys,
            cookie: CookieOptions::default(),
            id_header: None,
            retired_domains: Vec::new(),
            retired_paths: Vec::new(),
            origins: Origins::default(),
            manners: Manners::default(),
            limits: Limits { idle: IDLE, absolute: ABSOLUTE },
            anonymous: None,
            persistent: false,
            max_sessions: None,
            max_record: MAX_RECORD_BYTES,
            deadlines: Deadlines { load: LOAD, save: SAVE },
            eager: false,
            sign_in_page: None,
            observer: None,
            random: Randomness::System,
            schemas: Schemas::default(),
            #[cfg(feature = "actix-session-import")]
            import: None,
        }
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
    ///
    /// The domain does not depend on the request. Without one, each tenant's host has a cookie of its own already. A domain that
    /// is made from the request's `Host` would let whoever chooses that choose who gets the cookie. For a few domains that are known, build a
    /// middleware for each over the same store, and wrap a `web::scope` with `guard::Host` in each:
    ///
    /// ```
    /// use actix_typed_session::{Key, SessionMiddleware, store::MemoryStore};
    /// use actix_web::{App, guard, web};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (store, key) = (MemoryStore::with_max_bytes(256 << 20), Key::generate()?);
    /// let of = |domain| SessionMiddleware::builder(store.clone(), key.clone()).cookie_domain(domain).build();
    /// let (books, music) = (of("books.example")?, of("music.example")?);
    /// let app = App::new()
    ///     .service(web::scope("").guard(guard::Host("shop.books.example")).wrap(books))
    ///     .service(web::scope("").guard(guard::Host("shop.music.example")).wrap(music));
    /// # let _ = app;
    /// # Ok(())
    /// # }
    /// ```
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
    /// let sessions = SessionMiddleware::builder(MemoryStore::with_max_bytes(256 << 20), Key::generate()?)
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
    /// let sessions = SessionMiddleware::builder(MemoryStore::with_max_bytes(256 << 20), Key::generate()?)
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

    /// Gives each site that embeds this one a cookie of its own (`Partitioned`, CHIPS), which browsers keep even if they block
    /// third-party cookies. It needs [`SameSite::None`] too.
    ///
    /// ```
    /// use actix_typed_session::{Key, SameSite, SessionMiddleware, store::MemoryStore};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sessions = SessionMiddleware::builder(MemoryStore::with_max_bytes(256 << 20), Key::generate()?)
    ///     .cookie_same_site(SameSite::None)
    ///     .cookie_partitioned()
    ///     .build()?;
    /// # let _ = sessions;
    /// # Ok(())
    /// # }
    /// ```
    pub fn cookie_partitioned(mut self) -> Self {
        self.cookie.partitioned = true;
        self
    }

    /// Takes the id from the request header `name`, and answers with a new id in the response header of that name, for clients without
    /// cookies, such as mobile applications. An empty header in a response tells the client to forget its id.
    ///
    /// No cookie is read or set then, so the settings of the cookie have no effect, and responses vary by this header. An id of a cookie
    /// does not count in the header. No page of another site can make a browser send the header without asking first (CORS), so requests
    /// are not checked for where they come from. Keep the id as safe as a password; a script of a page should not have it. To serve
    /// browsers as well, wrap another scope in another middleware over the same store.
    ///
    /// ```
    /// use actix_typed_session::{Key, SessionMiddleware, store::MemoryStore};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (store, key) = (MemoryStore::with_max_bytes(256 << 20), Key::generate()?);
    /// let browsers = SessionMiddleware::new(store.clone(), key.clone());
    /// let applications = SessionMiddleware::builder(store, key).id_header("x-session-id").build()?;
    /// # let _ = (browsers, applications);
    /// # Ok(())
    /// # }
    /// ```
    pub fn id_header(mut self, name: impl Into<String>) -> Self {
        self.id_header = Some(name.into());
        self
    }

    /// Lets no cache, not even the browser's, store a response that used the session of a user who is signed in, so that the "back" button
    /// shows nothing after a sign-out (OWASP ASVS 5.0 14.2.2, 14.3.2). By default only shared caches are kept from it, and responses that set the
    /// cookie are stored nowhere. With [`eager`](Self::eager) it is every response.
    ///
    /// ```
    /// use actix_typed_session::{Key, SessionMiddleware, store::MemoryStore};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sessions = SessionMiddleware::builder(MemoryStore::with_max_bytes(256 << 20), Key::generate()?)
    ///     .no_store_when_signed_in()
    ///     .build()?;
    /// # let _ = sessions;
    /// # Ok(())
    /// # }
    /// ```
    pub fn no_store_when_signed_in(mut self) -> Self {
        self.manners.no_store = true;
        self
    }

    /// Lets browsers clear what they have stored of the site, but for cookies, when a session is signed out or purged
    /// (`Clear-Site-Data: "cache", "storage"`; OWASP ASVS 5.0 14.3.1). By default they keep it: clearing may take seconds.
    pub fn clear_site_data(mut self) -> Self {
        self.manners.clear_site_data = true;
        self
    }

    /// Allows development over plain HTTP, with a cookie that lacks `Secure` and has another name. Never use it in production:
    /// anyone who can read the network can take over every session.
    #[doc(alias = "cookie_secure")]
    pub fn dangerous_insecure_cookie(mut self) -> Self {
        self.cookie.insecure = true;
        self
    }

    /// Sets how long a session lives without a request. The default is 30 minutes (ASVS 5.0 7.3.1). Activity is recorded to within
    /// a tenth of this time.
    #[doc(alias = "state_ttl")]
    #[doc(alias = "visit_deadline")]
    pub fn idle_timeout(mut self, idle: Duration) -> Self {
        self.limits.idle = idle;
        self
    }

    /// Sets how long a session lives after the sign-in, however active it is. The default is 12 hours (ASVS 5.0 7.3.2).
    #[doc(alias = "session_ttl")]
    #[doc(alias = "login_deadline")]
    pub fn absolute_timeout(mut self, absolute: Duration) -> Self {
        self.limits.absolute = absolute;
        self
    }

    /// Sets both limits for sessions in which nobody is signed in; by default they are those of the others. A cart may then live for
    /// weeks, while a sign-in ends after half an hour: signing in begins the limits of a user.
    ///
    /// ```
    /// use std::time::Duration;
    /// use actix_typed_session::{Key, SessionMiddleware, store::MemoryStore};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let day = Duration::from_hours(24);
    /// let sessions = SessionMiddleware::builder(MemoryStore::with_max_bytes(256 << 20), Key::generate()?)
    ///     .anonymous_timeouts(14 * day, 60 * day)
    ///     .persistent_cookie() // otherwise the cart ends with the browser
    ///     .build()?;
    /// # let _ = sessions;
    /// # Ok(())
    /// # }
    /// ```
    pub fn anonymous_timeouts(mut self, idle: Duration, absolute: Duration) -> Self {
        self.anonymous = Some(Limits { idle, absolute });
        self
    }

    /// Lets the cookie of every session outlive the browser. By default it ends with the browser (NIST SP 800-63B 7.1), and
    /// `Session::set_lifetime` decides for a single session.
    #[doc(alias = "session_lifecycle")]
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
    /// let sessions = SessionMiddleware::builder(MemoryStore::with_max_bytes(256 << 20), Key::generate()?)
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
    ///
    /// Where several middlewares wrap a route, a state belongs to the one that names it. Where only one does, every state is in its session,
    /// whichever names it. So a route that takes the administration's state belongs within the administration's middleware: outside of it,
    /// the site's session would hold that state.
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

    /// Tells `observer` of every [`Event`](crate::Event): sessions that begin, are renewed, end or expire, sign-ins, conflicts, failures
    /// of the store. The store tells it what it removes by itself; a store that several middlewares share keeps to the first observer.
    ///
    /// [`Observer`] has an example. The log has the events without one, and the feature `metrics` counts them.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Moves the sessions of actix-session here, each with the first request of its visitor that takes the session; see [`ActixSession`].
    #[cfg(feature = "actix-session-import")]
    pub fn import(mut self, old: ActixSession) -> Self {
        self.import = Some(old);
        self
    }

    /// Makes ids from chosen bytes, for tests of what happens when they repeat, or when the operating system has none: then `fill`
    /// answers `false`.
    #[cfg(feature = "testing")]
    pub fn chosen_randomness(mut self, fill: fn(&mut [u8]) -> bool) -> Self {
        self.random = Randomness::Chosen(fill);
        self
    }
}
