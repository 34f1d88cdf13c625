//! What an application says of its old sessions.
//!
//! In: a store or none, the old key, the settings of the old cookie, conversions. Out: [`ActixSession`], or what is wrong with it. Never: a
//! session.

use std::{fmt, sync::Arc};

use actix_web::cookie::Key;

use super::{
    conversion::{Conversion, ConversionError},
    old_cookie::{OldCookie, Protection},
    old_session::OldSession,
    old_store::{DynOldStore, OldStore},
};
use crate::handle::state::SessionState;

/// Says where an application's sessions of actix-session 0.10 or later are, and what they come to here.
///
/// The first request of a visitor that takes the session brings the old cookie. The middleware reads the old session, sets what it comes
/// to, stores the session, deletes the old record, and answers with its own cookie and the removal of the old one.
///
/// ```no_run
/// use actix_typed_session::{Keys, SessionMiddleware, SessionState, import::ActixSession, store::RedisStore};
/// use actix_web::cookie::Key;
///
/// #[derive(SessionState)]
/// #[session(version = 1)]
/// struct Shop {
///     #[session(principal)]
///     user: Option<u64>,
///     #[session(default)]
///     cart: Vec<u32>,
/// }
///
/// # async fn open(old_key: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
/// let store = RedisStore::open("redis://sessions.example").await?;
/// // `session.insert("user", 7_u64)` and `session.insert("cart", cart)` become the fields `user` and `cart`.
/// let old = ActixSession::in_store(store.clone(), Key::from(old_key)).into_state::<Shop>();
/// let sessions = SessionMiddleware::builder(store, Keys::from_env("SESSION_KEY")?).import(old).build()?;
/// # let _ = sessions;
/// # Ok(())
/// # }
/// ```
///
/// * **Nobody proves by it who they are.** The user is signed in, is found by the user index and counts for `max_sessions_per_user`, and
///   [`authenticated_within`](crate::Session::authenticated_within) is false until the user signs in anew. The limits of the builder begin.
/// * **Requests at once come to one session**, because its first id is derived from the old key of the record. That is so too for a request
///   that comes after its response was lost, as long as the session is not renewed or over.
/// * **An old session that was ended is not moved**, even if it ends while it is being moved.
/// * **What fails loses nothing.** If a conversion fails, the visitor has no session, the old record and its cookie stay, and
///   [`ImportFailed`](crate::Event::ImportFailed) tells why. If a store does not answer, the request is answered with 503.
/// * **A visitor with a cookie of this crate keeps that session.** The old cookie is removed and not looked at.
/// * **A forged cookie asks no store**; [`Tampered`](crate::Event::Tampered) tells of it.
///
/// Old sessions that were not moved yet are not in any list of a user's sessions, and no `revoke_all` ends them.
///
/// A store of actix-session, as the new home, does not find what another request has just moved there: each of several requests at once moves
/// the session, even if one of them ends it.
#[must_use = "give it to `SessionMiddlewareBuilder::import`"]
pub struct ActixSession {
    pub(super) cookie: OldCookie,
    /// `None`: the cookie has the whole session.
    pub(super) store: Option<Arc<dyn DynOldStore>>,
    pub(super) key_of: Arc<KeyOf>,
    pub(super) conversions: Vec<Conversion>,
}

type KeyOf = dyn Fn(&str) -> String + Send + Sync;

/// Why old sessions cannot be moved as configured.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Nothing says what an old session comes to.
    #[error(
        "nothing says what a session of actix-session comes to; add `.into_state::<YourState>()` or `.with::<YourState>(..)`"
    )]
    Nothing,
    /// The old cookie has the name of the new one.
    #[error(
        "the cookie of actix-session and that of this crate are both called `{0}`; give this one another `cookie_name`"
    )]
    SameCookie(String),
    /// The id travels in a header.
    #[error(
        "sessions of actix-session come in cookies, and this middleware reads a header; leave out `id_header`"
    )]
    NoCookie,
    /// The old cookie cannot be removed.
    #[error(
        "the cookie of actix-session cannot have such a name, path or domain; repeat the settings of the old middleware"
    )]
    NotACookie,
}

crate::message::debug_is_the_message!(ImportError);

impl ActixSession {
    /// The sessions are in `store`, as with `RedisSessionStore`; `key` is that of the old middleware.
    pub fn in_store(store: impl OldStore, key: Key) -> Self {
        Self::of(Some(Arc::new(store)), key)
    }

    /// The sessions are in their cookies, as with `CookieSessionStore`; `key` is that of the old middleware.
    ///
    /// Such a cookie cannot be ended. Whoever has a copy of one can begin a session with it, after a logout too, as with actix-session,
    /// until the import is removed from the application. A cookie that is [signed](Self::signed) and not encrypted may be the same for
    /// two visitors, so requests at once each begin a session.
    pub fn in_cookie(key: Key) -> Self {
        Self::of(None, key)
    }

    fn of(store: Option<Arc<dyn DynOldStore>>, key: Key) -> Self {
        let cookie = OldCookie {
            name: "id".into(),
            protection: Protection::Private,
            key,
            path: "/".into(),
            domain: None,
            secure: true,
        };
        Self { cookie, store, key_of: Arc::new(str::to_owned), conversions: Vec::new() }
    }

    /// Sets the fields of `T` that an old session has a value for, by name. A principal field signs in.
    ///
    /// A value that does not fit its field lets the conversion fail, unless the field is `lenient`. An old session without any of the
    /// names is not moved.
    pub fn into_state<T: SessionState>(mut self) -> Self {
        self.conversions.push(Conversion::by_name::<T>());
        self
    }

    /// Lets `convert` set the fields of `T`, as a handler does. Several conversions run in the order in which they are given; the one that
    /// signs in had better be the first, because a sign-in resets fields.
    ///
    /// An old session for which nothing is set is not moved. An error, which is logged, must not contain a value of the session.
    ///
    /// ```
    /// use actix_typed_session::{SessionState, import::ActixSession};
    ///
    /// # #[derive(SessionState)]
    /// # #[session(version = 1)]
    /// # struct Shop {
    /// #     #[session(principal)]
    /// #     user: Option<u64>,
    /// #     #[session(default)]
    /// #     cart: Vec<u32>,
    /// # }
    /// # fn with(old: ActixSession) -> ActixSession {
    /// old.with::<Shop>(|old, shop| {
    ///     if let Some(user) = old.identity()? {
    ///         shop.set_user(user.parse::<u64>()?);
    ///     }
    ///     shop.set_cart(old.get::<Vec<u32>>("basket")?.unwrap_or_default());
    ///     Ok(())
    /// })
    /// # }
    /// # let _ = with;
    /// ```
    pub fn with<T: SessionState>(
        mut self,
        convert: impl Fn(&OldSession, &mut T::Handle) -> Result<(), ConversionError> + Send + Sync + 'static,
    ) -> Self {
        self.conversions.push(Conversion::with::<T>(convert));
        self
    }

    /// The name of the old cookie. The default is that of actix-session, `id`.
    pub fn cookie_name(mut self, name: impl Into<String>) -> Self {
        self.cookie.name = name.into();
        self
    }

    /// The path of the old cookie, which removes it. The default is `/`.
    pub fn cookie_path(mut self, path: impl Into<String>) -> Self {
        self.cookie.path = path.into();
        self
    }

    /// The domain of the old cookie, which removes it. By default it has none.
    pub fn cookie_domain(mut self, domain: impl Into<String>) -> Self {
        self.cookie.domain = Some(domain.into());
        self
    }

    /// Whether the old cookie was `Secure`. The default is `true`; over plain HTTP, browsers remove it only with `false`.
    pub fn cookie_secure(mut self, secure: bool) -> Self {
        self.cookie.secure = secure;
        self
    }

    /// The old middleware had `CookieContentSecurity::Signed`. By default its cookie is encrypted.
    pub fn signed(mut self) -> Self {
        self.cookie.protection = Protection::Signed;
        self
    }

    /// The `cache_keygen` of the old store: what makes the name of a record of the key in the cookie. By default they are the same.
    pub fn cache_keygen(mut self, key_of: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        self.key_of = Arc::new(key_of);
        self
    }

    /// Checks it beside a middleware whose ids travel in the cookie of this name, or in none.
    pub(crate) fn check(&self, cookie: Option<&str>) -> Result<(), ImportError> {
        let ours = cookie.ok_or(ImportError::NoCookie)?;
        if self.conversions.is_empty() {
            return Err(ImportError::Nothing);
        }
        if ours == self.cookie.name {
            return Err(ImportError::SameCookie(ours.to_owned()));
        }
        self.cookie.removal().map(drop).ok_or(ImportError::NotACookie)
    }
}

impl fmt::Debug for ActixSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActixSession").field("cookie", &self.cookie.name).finish_non_exhaustive()
    }
}
