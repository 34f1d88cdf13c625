//! A visitor who has a session: the cookie to send, and the state that it opens.
//!
//! In: what the session holds, and responses. Out: requests that carry the session, and the state as it is stored. Never: a route of the
//! application.

use std::{fmt, marker::PhantomData, rc::Rc};

use actix_web::{
    dev::ServiceResponse,
    http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE},
    test::TestRequest,
};

use crate::{
    error::Error,
    handle::{
        session::Session,
        state::{SessionState, Tracked},
    },
    http::{carrier::Carrier, csrf::X_CSRF_TOKEN, middleware::SessionMiddleware},
    visit::visit::Visit,
};

/// A visitor who has a session with a `T`, for tests of an application. It keeps the session's cookie as a browser does.
///
/// The session is begun by the code that requests run, without a request: no route of the application has to sign anybody in.
///
/// ```
/// use actix_typed_session::{Key, SessionMiddleware, SessionState, TypedSession, store::MemoryStore, testing::TestSession};
/// use actix_web::{App, test, test::TestRequest, web};
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
/// async fn add_tea(mut shop: TypedSession<Shop>) -> String {
///     shop.update_cart(|cart| cart.push(11));
///     format!("{} in the cart of {:?}", shop.cart().len(), shop.user())
/// }
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = SessionMiddleware::new(MemoryStore::unbounded(), Key::generate()?);
/// let app = App::new().wrap(sessions.clone()).route("/add", web::post().to(add_tea));
/// let app = test::init_service(app).await;
///
/// let mut ada = TestSession::<Shop>::with(&sessions, |shop| shop.set_user(7)).await?;
/// let response = test::call_service(&app, ada.sends(TestRequest::post().uri("/add")).to_request()).await;
/// ada.receives(&response);
/// assert_eq!(test::read_body(response).await, "1 in the cart of Some(7)");
/// assert_eq!(ada.state().await?.cart(), [11]);
/// # Ok(())
/// # }
/// ```
pub struct TestSession<T> {
    sessions: SessionMiddleware,
    id: Option<(HeaderName, HeaderValue)>,
    state: PhantomData<fn() -> T>,
}

impl<T: SessionState> TestSession<T> {
    /// Begins a session and lets `arrange` set what it holds, with the setters that handlers use. If it sets nothing, the visitor has no
    /// session.
    ///
    /// `sessions` is the middleware that the application is wrapped in. `shop.session()` sets what is not in the state, such as the
    /// lifetime.
    ///
    /// # Errors
    /// As [`Session::save`](crate::Session::save).
    pub async fn with(
        sessions: &SessionMiddleware,
        arrange: impl FnOnce(&mut T::Handle),
    ) -> Result<Self, Error> {
        let mut visitor = Self { sessions: sessions.clone(), id: None, state: PhantomData };
        let visit = Visit::new(sessions.shared());
        visit.has_no_id();
        let mut state = T::Handle::from(Tracked::open(visit.clone())?);
        arrange(&mut state);
        visit.save().await?;
        let mut headers = HeaderMap::new();
        sessions.site().say(&visit, false).write(&mut headers);
        visitor.keeps(&headers);
        Ok(visitor)
    }

    /// `request` with the id of the session, in the cookie or the header that the middleware reads.
    #[must_use]
    pub fn sends(&self, request: TestRequest) -> TestRequest {
        match self.header() {
            Some(header) => request.append_header(header),
            None => request,
        }
    }

    /// As [`sends`](Self::sends), with the token of the session's pages in the header `X-CSRF-Token`: a request that
    /// [`CsrfForm`](crate::CsrfForm) and [`CsrfHeader`](crate::CsrfHeader) let pass.
    ///
    /// # Errors
    /// As [`state`](Self::state).
    pub async fn submits(&self, request: TestRequest) -> Result<TestRequest, Error> {
        let token = Session::of(self.visit().await?).csrf_token().await?;
        let request = self.sends(request);
        Ok(match token {
            Some(token) => request.insert_header((X_CSRF_TOKEN.clone(), token)),
            None => request,
        })
    }

    /// The header that carries the id, such as `Cookie`, for a client that sends real requests; `None` if the visitor has no session.
    #[must_use]
    pub fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        self.id.clone()
    }

    /// Keeps the cookie that `response` sets, or forgets it if it is removed, as a browser does.
    pub fn receives<B>(&mut self, response: &ServiceResponse<B>) {
        self.keeps(response.headers());
    }

    fn keeps(&mut self, headers: &HeaderMap) {
        let carrier = &self.sessions.site().carrier;
        match carrier {
            Carrier::Header(name) => {
                if let Some(value) = headers.get(name) {
                    self.id = Some((name.clone(), value.clone())).filter(|_| !value.is_empty());
                }
            }
            Carrier::Cookie { cookie, .. } => {
                let ours = |line: &&str| line.split('=').next() == Some(cookie.name());
                let lines = headers.get_all(SET_COOKIE).filter_map(|line| line.to_str().ok());
                // Removals of retired cookies come before it.
                let Some(line) = lines.filter(ours).last() else { return };
                let pair = line.split(';').next().unwrap_or_default();
                let value = HeaderValue::from_str(pair).ok().filter(|_| !pair.ends_with('='));
                self.id = value.map(|value| (COOKIE, value));
            }
        }
    }

    /// The state that the visitor's next request would see, loaded from the store now. It is that of no session if the session has ended.
    ///
    /// What is set on it is not stored unless `session().save()` is awaited.
    ///
    /// # Errors
    /// When the store cannot be reached or the session cannot be read.
    pub async fn state(&self) -> Result<T::Handle, Error> {
        Tracked::open(self.visit().await?).map(T::Handle::from)
    }

    /// A visit of this visitor, with what the store has now.
    async fn visit(&self) -> Result<Rc<Visit>, Error> {
        let visit = Visit::new(self.sessions.shared());
        let headers: HeaderMap = self.id.clone().into_iter().collect();
        let (brought, mover) = self.sessions.site().brought(&headers, &visit);
        visit.load(brought, mover).await?;
        Ok(visit)
    }
}

impl<T> Clone for TestSession<T> {
    /// Another browser with a copy of the cookie.
    fn clone(&self) -> Self {
        Self { sessions: self.sessions.clone(), id: self.id.clone(), state: PhantomData }
    }
}

impl<T> fmt::Debug for TestSession<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestSession").field("has_id", &self.id.is_some()).finish_non_exhaustive()
    }
}
