//! Builds the middleware from what an application has configured.
//!
//! In: a builder. Out: a [`SessionMiddleware`], or what is wrong and how to fix it. Never: a default.

use std::num::NonZeroU32;

use actix_web::http::header::{COOKIE, HeaderName, SET_COOKIE};

use super::{
    builder::{IDLE, SessionMiddlewareBuilder},
    carrier::Carrier,
    cookie::{CookieError, CookieOptions, CookieSpec},
    home::{Home, NoStore, SessionHome},
    middleware::SessionMiddleware,
    site::Site,
    token::Token,
    workers::Made,
};
#[cfg(feature = "actix-session-import")]
use crate::import::{moving::Import, settings::ImportError};
use crate::{
    commit::exchange::{Lives, Rules},
    events::Events,
    id::{
        keys::Keys,
        seal::{As, CellSealer, Sealer},
        tags::{KeyRing, Succession},
    },
    record::{change::MaxSessions, packed::PACKED_RECORD_MAX},
    store::{any::AnyStore, bounded::BoundedStore, bounds::Bounds, contract::SessionStore},
    visit::{
        carried::InCookie,
        pointer::InForeign,
        shared::{Elsewhere, Shared},
        turns::Turns,
    },
};

/// Why a configuration is refused.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The cookie cannot be as configured.
    #[error(transparent)]
    Cookie(#[from] CookieError),
    /// The header for the id cannot be one.
    #[error("{0:?} cannot be the header of the session id; use a name of its own, such as `x-session-id`")]
    IdHeader(String),
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
        "`max_sessions_per_user` needs a store that finds sessions by their user, which no cookie and no store of actix-session does; take a store of this crate, implement `PrincipalIndex` and announce it in `SessionStore::abilities`, or leave `max_sessions_per_user` out"
    )]
    NoIndex,
    /// Sessions of actix-session cannot be moved as configured.
    #[cfg(feature = "actix-session-import")]
    #[error(transparent)]
    Import(#[from] ImportError),
}

crate::message::debug_is_the_message!(ConfigError);

impl SessionMiddlewareBuilder {
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
        let carrier = self.carrier()?;
        #[cfg(feature = "actix-session-import")]
        if let Some(import) = &self.import {
            import.check(carrier.is_ambient().then(|| carrier.name()))?;
        }
        let max_sessions = match self.max_sessions {
            None => None,
            Some(_) if !self.home.has_index() => return Err(ConfigError::NoIndex),
            Some((most, when_full)) => {
                let most = NonZeroU32::new(most).ok_or(ConfigError::NoSessions)?;
                Some(MaxSessions::new(most, when_full))
            }
        };
        Ok(self.with(carrier, max_sessions))
    }

    pub(crate) fn finish_with_defaults(self) -> SessionMiddleware {
        self.with(Carrier::Cookie { cookie: CookieSpec::standard(), retired: Vec::new() }, None)
    }

    fn carrier(&self) -> Result<Carrier, ConfigError> {
        let Some(header) = &self.id_header else {
            return Ok(Carrier::Cookie {
                cookie: CookieSpec::new(&self.cookie)?,
                retired: self.retired_cookies()?,
            });
        };
        let name = HeaderName::try_from(header).ok().filter(|name| ![COOKIE, SET_COOKIE].contains(name));
        name.map(Carrier::Header).ok_or_else(|| ConfigError::IdHeader(header.clone()))
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

    fn with(self, carrier: Carrier, max_sessions: Option<MaxSessions>) -> SessionMiddleware {
        let lives = match self.home {
            Home::Store(_) => Lives::InStore,
            Home::Cookie(_) => Lives::InCookie,
            Home::Foreign(_) => Lives::WhereCookieSays,
        };
        let max_record = match lives {
            Lives::InStore | Lives::InCookie => self.max_record,
            Lives::WhereCookieSays => self.max_record.min(PACKED_RECORD_MAX),
        };
        let rules = Rules {
            lives,
            limits: self.limits,
            anonymous: self.anonymous.unwrap_or(self.limits),
            persistent: self.persistent,
            max_sessions,
            max_record,
            deadline: self.deadlines.save,
            random: self.random,
            succession: Succession::new(&self.keys),
        };
        let csrf = carrier.is_ambient().then(|| KeyRing::for_csrf(carrier.name(), &self.keys));
        let purpose = carrier.purpose();
        let events = Events::default();
        let bounds = Bounds::new(self.deadlines, events.clone());
        let sealer_of = |what, application: &str| Sealer::new(what, &purpose, application, &self.keys);
        let (store, token) = match self.home {
            Home::Store(store) => (store, Token::Id(KeyRing::new(&purpose, &self.keys))),
            Home::Cookie(sealed) => {
                let in_cookie = InCookie {
                    sealer: sealer_of(As::Session, &sealed.application),
                    around: carrier.around(),
                    clock: sealed.clock,
                    revocations: sealed.revocations,
                    deadline: self.deadlines.load,
                    random: self.random,
                };
                (AnyStore::new(NoStore), Token::Sealed(in_cookie.into()))
            }
            Home::Foreign(foreign) => {
                let in_foreign = InForeign {
                    store: foreign.store,
                    bounds: bounds.clone(),
                    pointers: sealer_of(As::Pointer, &foreign.application),
                    records: sealer_of(As::Stored, &foreign.application),
                    around: carrier.around(),
                    clock: foreign.clock,
                    random: self.random,
                    writes: Turns::default(),
                };
                (AnyStore::new(NoStore), Token::Pointer(in_foreign.into()))
            }
        };
        if let Some(observer) = self.observer {
            store.observed_by(observer.clone());
            events.observed_by(observer);
        }
        let store = BoundedStore::new(store, bounds);
        let sealer = CellSealer::new(&self.keys);
        let mut shared = Shared::new(store, rules, csrf, sealer, self.schemas, events);
        shared.sign_in_page = self.sign_in_page.map(Into::into);
        shared.elsewhere = match &token {
            Token::Id(_) => None,
            Token::Sealed(in_cookie) => Some(Elsewhere::InCookie(in_cookie.clone())),
            Token::Pointer(in_foreign) => Some(Elsewhere::InForeign(in_foreign.clone())),
        };
        #[cfg(feature = "actix-session-import")]
        let import = self.import.map(|old| Import::new(old, &purpose, &self.keys, self.deadlines).into());
        let site = Site {
            carrier,
            token,
            origins: self.origins,
            eager: self.eager,
            manners: self.manners,
            made: Made::default(),
            #[cfg(feature = "actix-session-import")]
            import,
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
    ///
    /// `home` is a [`SessionStore`](crate::store::SessionStore), a [`SealedCookie`](crate::SealedCookie), or a store of actix-session in an
    /// `ActixSessionStore` (feature `actix-session-store`). `keys` are [`Keys`], or a
    /// [`Key`](crate::Key) alone.
    pub fn new(home: impl SessionHome, keys: impl Into<Keys>) -> Self {
        SessionMiddlewareBuilder::of(home, keys.into()).finish_with_defaults()
    }

    /// Begins a configuration that changes some of the defaults.
    pub fn builder(home: impl SessionHome, keys: impl Into<Keys>) -> SessionMiddlewareBuilder {
        SessionMiddlewareBuilder::of(home, keys.into())
    }
}
