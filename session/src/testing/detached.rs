//! A session for calling handlers as functions.
//!
//! In: nothing. Out: extractors that share one request's session. Never: a cookie; there is no browser.

use std::{fmt, rc::Rc};

use actix_web::HttpRequest;

use crate::{
    error::Error,
    handle::{
        session::Session,
        state::{SessionState, Tracked},
    },
    http::{attached::Attached, middleware::SessionMiddleware},
    id::key::Key,
    store::memory::MemoryStore,
    visit::visit::Visit,
};

/// The session of one request, without a request, a middleware or a cookie: for tests that call a handler as a function.
///
/// All handles that it gives out are of the same request, so one sees what another does. It begins empty, as for a new visitor.
///
/// ```
/// use actix_typed_session::{SessionState, TypedSession, testing::Detached};
///
/// #[derive(SessionState)]
/// #[session(version = 1)]
/// struct Shop {
///     #[session(default)]
///     cart: Vec<u32>,
/// }
///
/// /// The handler under test.
/// async fn add_tea(mut shop: TypedSession<Shop>) -> String {
///     shop.update_cart(|cart| cart.push(11));
///     format!("{} in your cart", shop.cart().len())
/// }
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), actix_typed_session::Error> {
/// let visit = Detached::new();
/// visit.state::<Shop>()?.set_cart(vec![16]);
/// assert_eq!(add_tea(visit.state::<Shop>()?).await, "2 in your cart");
/// assert_eq!(visit.state::<Shop>()?.cart(), [16, 11]);
/// # Ok(())
/// # }
/// ```
pub struct Detached {
    sessions: SessionMiddleware,
    visit: Rc<Visit>,
}

impl Detached {
    /// A request of a visitor who has no session.
    #[must_use]
    pub fn new() -> Self {
        // No cookie is made with this key.
        let sessions = SessionMiddleware::new(MemoryStore::unbounded(), Key::known_to_all());
        let visit = Visit::new(sessions.shared());
        visit.has_no_id();
        Self { sessions, visit }
    }

    /// The session as a `T`, as a handler extracts it.
    ///
    /// # Errors
    /// When two states of this request clash.
    pub fn state<T: SessionState>(&self) -> Result<T::Handle, Error> {
        Tracked::open(self.visit.clone()).map(T::Handle::from)
    }

    /// The session as a whole. [`Session::save`] stores it in memory, and must run in actix's runtime, as in `#[actix_web::test]`.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::of(self.visit.clone())
    }

    /// Lets every extractor of this crate work on `request`, such as [`SignedIn`](crate::SignedIn).
    ///
    /// ```
    /// use actix_typed_session::{SessionState, SignedIn, testing::Detached};
    /// use actix_web::{FromRequest, test::TestRequest};
    ///
    /// # #[derive(SessionState)]
    /// # #[session(version = 1)]
    /// # struct Shop {
    /// #     #[session(principal)]
    /// #     user: Option<u64>,
    /// # }
    /// # #[actix_web::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let visit = Detached::new();
    /// let request = TestRequest::default().to_http_request();
    /// visit.attach(&request);
    /// assert!(SignedIn::<Shop>::extract(&request).await.is_err());
    /// visit.state::<Shop>()?.set_user(7);
    /// assert_eq!(*SignedIn::<Shop>::extract(&request).await?, 7);
    /// # Ok(())
    /// # }
    /// ```
    pub fn attach(&self, request: &HttpRequest) {
        Attached::put(request, self.visit.clone(), self.sessions.site());
    }
}

impl Default for Detached {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Detached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detached").finish_non_exhaustive()
    }
}
