//! How handlers, guards and other middleware get the session.
//!
//! In: a request. Out: a `TypedSession<T>` or a [`Session`], or the error that says what is missing. Never: a rule.

use std::{
    any::{TypeId, type_name},
    cell::{Cell, RefCell},
    future::Future,
    marker::PhantomData,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::{Payload, ServiceRequest, ServiceResponse},
    guard::GuardContext,
    http::{
        Method,
        header::{HeaderName, HeaderValue},
    },
};

use super::site::{Said, Site};
use crate::{
    error::{Error, ErrorKind},
    handle::{
        principal::HasPrincipal,
        session::Session,
        state::{SessionState, Tracked},
    },
    sparse::Sparse,
    visit::visit::Visit,
};

/// The session of a request, as the middleware attaches it to the request's extensions.
#[derive(Clone)]
#[allow(missing_debug_implementations)] // cannot be named outside of this crate
pub struct Attached {
    visit: Rc<Visit>,
    site: Rc<Site>,
    /// What the middleware around this one attached.
    outer: Option<Rc<Attached>>,
}

/// What has become of those sessions of a request whose middlewares have answered: the inner ones before those around them.
#[derive(Default)]
pub(super) struct Answered {
    /// What their responses must say, in case that a middleware around them replaces the response.
    pub(super) said: RefCell<Vec<Rc<Said>>>,
    /// Whether one of them has stored anything.
    pub(super) has_stored: Cell<bool>,
}

impl Attached {
    /// Attaches the session of a middleware; fails if one around it has attached a session that lives in the same cookie.
    pub(crate) fn attach(request: &ServiceRequest, visit: Rc<Visit>, site: Rc<Site>) -> Result<Self, Error> {
        let mut extensions = request.extensions_mut();
        let outer = extensions.get::<Self>().cloned().map(Rc::new);
        let is_same = |outer: &Self| outer.site.carrier.name() == site.carrier.name();
        if outer.as_ref().is_some_and(|outer| outer.all().any(is_same)) {
            return Err(Error::new(ErrorKind::NestedMiddleware));
        }
        let attached = Self { visit, site, outer };
        extensions.insert(attached.clone());
        Ok(attached)
    }

    /// Attaches the session of the middleware around this one again, if there is one, to a request that this one has answered.
    pub(crate) fn detach<B>(&self, response: &ServiceResponse<B>) {
        if let Some(outer) = &self.outer {
            response.request().extensions_mut().insert(Self::clone(outer));
        }
    }

    /// This one, and those around it.
    fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |attached| attached.outer.as_deref())
    }

    /// What has become of the sessions within this one, if there were any and they have answered.
    pub(super) fn answered_within(&self) -> Option<&Answered> {
        self.outermost().visit.edge.get()?.downcast_ref()
    }

    /// Tells the middlewares around this one, if there are any, what its response says and whether it has stored anything.
    pub(super) fn tell_outer(&self, said: &Rc<Said>, has_stored: bool) {
        if self.outer.is_none() {
            return;
        }
        let edge = self.outermost().visit.edge.get_or_init(|| Box::new(Answered::default()));
        if let Some(answered) = edge.downcast_ref::<Answered>() {
            answered.said.borrow_mut().push(said.clone());
            answered.has_stored.set(answered.has_stored.get() || has_stored);
        }
    }

    fn outermost(&self) -> &Self {
        self.all().last().unwrap_or(self)
    }

    /// Whether its middleware names any state.
    fn names_any(&self) -> bool {
        self.visit.shared().known.names_any()
    }

    /// Whether its middleware names the state `T`.
    fn names<T: 'static>(&self) -> bool {
        self.visit.shared().known.names(TypeId::of::<T>())
    }

    /// The session that the state `T` lives in: of several, that of the middleware which names it.
    fn home_of<T: SessionState>(self, place: &str) -> Result<Self, Error> {
        if self.outer.is_none() {
            return Ok(self);
        }
        let mut homes = self.all().filter(|attached| attached.names::<T>());
        match (homes.next(), homes.next()) {
            (Some(home), None) => Ok(home.clone()),
            (home, _) => Err(several::<T>(place, home.is_some())),
        }
    }
}

#[cfg(feature = "testing")]
impl Attached {
    /// Attaches a session to a request that no middleware has seen.
    pub(crate) fn put(request: &HttpRequest, visit: Rc<Visit>, site: &Site) {
        request.extensions_mut().insert(Self { visit, site: Rc::new(site.clone()), outer: None });
    }
}

#[cold]
fn missing<T>(place: &str) -> Error {
    static LINES: Sparse = Sparse::new();
    let asked = short(type_name::<T>());
    let error = Error::new(ErrorKind::MissingMiddleware).because(format!(
        "`{asked}` was asked for on `{place}`, but no session middleware wraps it; add `.wrap(SessionMiddleware::new(store, key))` to the `App`, after the `.wrap(..)` of any middleware that uses the session: what is wrapped last runs first"
    ));
    if let Some(left_out) = LINES.due() {
        tracing::error!(%error, left_out, "a handler asked for a session where there is none");
    }
    error
}

#[cold]
fn several<T>(place: &str, are_named: bool) -> Error {
    static LINES: Sparse = Sparse::new();
    let asked = short(type_name::<T>());
    let named = if are_named { "more than one of them names it" } else { "none of them names it" };
    let error = Error::new(ErrorKind::SeveralSessions).because(format!(
        "`{asked}` was asked for on `{place}`, several session middlewares wrap it, and {named}; add `.with::<{asked}>()` to the `schemas` of the middleware that `{asked}` belongs to, and to no other"
    ));
    if let Some(left_out) = LINES.due() {
        tracing::error!(%error, left_out, "a handler asked for a state that may be of several sessions");
    }
    error
}

/// A guard asks whether anybody is signed in, and it is not certain to which of several sessions.
#[cold]
fn uncertain(place: &str, why: &str) {
    static LINES: Sparse = Sparse::new();
    if let Some(left_out) = LINES.due() {
        tracing::error!(
            left_out,
            path = place,
            "a guard lets nobody in: {why}; use `signed_in_to::<State>` on a route or scope within the middleware that names the state"
        );
    }
}

/// A guard can only answer "no", so the log must tell why.
#[cold]
fn not_loaded<T>(place: &str) -> Error {
    static LINES: Sparse = Sparse::new();
    let error = Error::new(ErrorKind::NotLoaded);
    if let Some(left_out) = LINES.due() {
        let asked = short(type_name::<T>());
        tracing::error!(%error, left_out, asked, path = place, "a session was read where it is not loaded");
    }
    error
}

/// The last segment of a path: the author of `shop::Shop` calls it `Shop`.
fn short(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

/// A visit, and how its load went.
type Opened = (Rc<Visit>, Result<(), Error>);

type Loading = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

/// Loads the session that the request has, once it is polled.
pub(super) fn load(
    visit: &Rc<Visit>,
    site: &Site,
    request: &HttpRequest,
) -> impl Future<Output = Result<(), Error>> + use<> {
    if is_for_later(request) {
        visit.keep_flashes();
    }
    let (visit, (brought, mover)) = (visit.clone(), site.brought(request.headers(), visit));
    async move { visit.load(brought, mover).await }
}

/// Whether the browser asks for the head alone, or for a page that the visitor may never look at.
fn is_for_later(request: &HttpRequest) -> bool {
    static NAMES: [HeaderName; 2] =
        [HeaderName::from_static("sec-purpose"), HeaderName::from_static("purpose")];
    let prefetches = |name| {
        let value: Option<&HeaderValue> = request.headers().get(name);
        value.is_some_and(|value| value.as_bytes().starts_with(b"prefetch"))
    };
    request.method() == Method::HEAD || NAMES.iter().any(prefetches)
}

/// What the innermost middleware attached.
fn attached<T>(request: &HttpRequest) -> Result<Attached, Error> {
    let attached = request.extensions().get::<Attached>().cloned();
    attached.ok_or_else(|| missing::<T>(request.path()))
}

/// A visit that is loaded when this is first polled.
struct Opening {
    visit: Result<Rc<Visit>, Error>,
    loading: Option<Loading>,
}

impl Opening {
    /// The session of the innermost middleware.
    fn innermost(request: &HttpRequest) -> Self {
        Self::of(request, attached::<Session>(request))
    }

    /// The session that `T` lives in.
    fn home_of<T: SessionState>(request: &HttpRequest) -> Self {
        Self::of(request, attached::<T>(request).and_then(|attached| attached.home_of::<T>(request.path())))
    }

    fn of(request: &HttpRequest, attached: Result<Attached, Error>) -> Self {
        let Attached { visit, site, .. } = match attached {
            Ok(attached) => attached,
            Err(error) => return Self { visit: Err(error), loading: None },
        };
        let mut loading = None;
        if visit.loaded().is_none() {
            loading = Some(Box::pin(load(&visit, &site, request)) as Loading);
        }
        Self { visit: Ok(visit), loading }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Opened, Error>> {
        let loaded = match &mut self.loading {
            Some(loading) => Some(ready!(loading.as_mut().poll(context))),
            None => None,
        };
        Poll::Ready(self.visit.clone().map(|visit| {
            let loaded = loaded.or_else(|| visit.loaded()).unwrap_or(Ok(()));
            (visit, loaded)
        }))
    }
}

/// The future of extracting a `TypedSession<T>`.
pub struct Extract<T> {
    opening: Opening,
    state: PhantomData<fn() -> T>,
}

impl<T> std::fmt::Debug for Extract<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Extract").finish_non_exhaustive()
    }
}

/// The body of the generated `FromRequest`.
#[must_use]
pub fn extract<T: SessionState>(request: &HttpRequest) -> Extract<T> {
    Extract { opening: Opening::home_of::<T>(request), state: PhantomData }
}

impl<T: SessionState> Future for Extract<T> {
    type Output = Result<T::Handle, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (visit, loaded) = ready!(self.opening.poll(context))?;
        Poll::Ready(typed::<T>(&visit, loaded))
    }
}

fn typed<T: SessionState>(visit: &Rc<Visit>, loaded: Result<(), Error>) -> Result<T::Handle, Error> {
    let opened = loaded.and_then(|()| Tracked::open(visit.clone()));
    opened.map(T::Handle::from).map_err(|error| {
        // The answer to the request tells of it, unless the handler copes.
        if let Some(left_out) = visit.shared().lines.expected.due() {
            tracing::debug!(%error, left_out, state = T::schema().name(), "a session could not be extracted");
        }
        refused(visit, &error)
    })
}

/// The error for one extraction. Every extraction of a session that cannot be loaded fails, and each is acknowledged by itself:
/// a middleware that does without the session does not speak for the handler.
pub(super) fn refused(visit: &Visit, error: &Error) -> Error {
    let error = error.for_another();
    visit.refuse(&error);
    error
}

/// The session as a whole. It is there even if its record cannot be read, because such a record can still be purged.
fn whole(visit: Rc<Visit>, loaded: Result<(), Error>) -> Result<Session, Error> {
    match loaded {
        Err(error) if error.kind() != ErrorKind::Unreadable => Err(refused(&visit, &error)),
        _ => Ok(Session::of(visit)),
    }
}

/// The future of extracting a [`Session`].
pub struct ExtractSession(Opening);

impl std::fmt::Debug for ExtractSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExtractSession").finish_non_exhaustive()
    }
}

impl Future for ExtractSession {
    type Output = Result<Session, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (visit, loaded) = ready!(self.0.poll(context))?;
        Poll::Ready(whole(visit, loaded))
    }
}

impl FromRequest for Session {
    type Error = Error;
    type Future = ExtractSession;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ExtractSession(Opening::innermost(request))
    }
}

/// The session that `T` lives in, as a whole.
pub(super) fn session_of<T: SessionState>(request: &HttpRequest) -> ExtractSession {
    ExtractSession(Opening::home_of::<T>(request))
}

/// All sessions that the request may have, that of the innermost middleware first.
pub(super) fn all_sessions(request: &HttpRequest) -> Vec<ExtractSession> {
    let open = |attached| ExtractSession(Opening::of(request, attached));
    match attached::<Session>(request) {
        Ok(innermost) => innermost.all().map(|attached| open(Ok(attached.clone()))).collect(),
        Err(error) => vec![open(Err(error))],
    }
}

/// Whether somebody is signed in to the only session that the request may have.
pub(super) fn is_signed_in(context: &GuardContext<'_>) -> bool {
    if sealed::Request::attached(context).is_some_and(|attached| attached.outer.is_some()) {
        uncertain(&sealed::Request::place(context), "several session middlewares wrap it");
        return false;
    }
    context.get_session().is_ok_and(|session| session.principal().is_some())
}

/// Whether somebody is signed in to the session of `T`. That is the session of a middleware which names other states only if it names
/// `T` too: outside of the middleware of `T`, the session of another one says nothing of its users.
pub(super) fn is_signed_in_to<T: HasPrincipal>(context: &GuardContext<'_>) -> bool {
    let place = sealed::Request::place(context);
    let Some(attached) = sealed::Request::attached(context) else {
        missing::<T>(&place);
        return false;
    };
    if attached.all().any(Attached::names_any) && !attached.all().any(Attached::names::<T>) {
        let why = format!("no session middleware around it names `{}`", short(type_name::<T>()));
        uncertain(&place, &why);
        return false;
    }
    let (Ok(state), Ok(home)) = (context.typed_session::<T>(), attached.home_of::<T>(&place)) else {
        return false;
    };
    state.principal().is_some() && Session::of(home.visit).principal().is_some()
}

/// Access to the session without waiting, for guards and for middleware inside of `SessionMiddleware`.
///
/// The session must be loaded already. Build the middleware with `.eager()`, or load the session first: in a handler with
/// `TypedSession::<YourState>::extract(&request).await`, in middleware with
/// `request.extract::<TypedSession<YourState>>().await`.
///
/// ```
/// use actix_typed_session::SessionExt;
/// use actix_web::guard;
///
/// let members = guard::fn_guard(|context| context.get_session().is_ok_and(|session| session.exists()));
/// # let _ = members;
/// ```
pub trait SessionExt: sealed::Request {
    /// The session as a whole.
    ///
    /// # Errors
    /// [`ErrorKind::MissingMiddleware`], [`ErrorKind::NotLoaded`], or the error of the load.
    fn get_session(&self) -> Result<Session, Error> {
        let Attached { visit, .. } = self.attached().ok_or_else(|| missing::<Session>(&self.place()))?;
        let loaded = visit.loaded().ok_or_else(|| not_loaded::<Session>(&self.place()))?;
        whole(visit, loaded)
    }

    /// The session as a `T`.
    ///
    /// # Errors
    /// As [`get_session`](Self::get_session), and when the section cannot be read.
    fn typed_session<T: SessionState>(&self) -> Result<T::Handle, Error> {
        let attached = self.attached().ok_or_else(|| missing::<T>(&self.place()))?;
        let Attached { visit, .. } = attached.home_of::<T>(&self.place())?;
        let loaded = visit.loaded().ok_or_else(|| not_loaded::<T>(&self.place()))?;
        typed::<T>(&visit, loaded)
    }
}

mod sealed {
    use super::Attached;

    pub trait Request {
        fn attached(&self) -> Option<Attached>;
        /// The path of the request, for messages.
        fn place(&self) -> String;
    }
}

impl SessionExt for HttpRequest {}
impl SessionExt for ServiceRequest {}
impl<B> SessionExt for ServiceResponse<B> {}
impl SessionExt for GuardContext<'_> {}

impl sealed::Request for HttpRequest {
    fn attached(&self) -> Option<Attached> {
        self.extensions().get().cloned()
    }

    fn place(&self) -> String {
        self.path().to_owned()
    }
}

impl sealed::Request for ServiceRequest {
    fn attached(&self) -> Option<Attached> {
        self.extensions().get().cloned()
    }

    fn place(&self) -> String {
        self.path().to_owned()
    }
}

impl<B> sealed::Request for ServiceResponse<B> {
    fn attached(&self) -> Option<Attached> {
        self.request().attached()
    }

    fn place(&self) -> String {
        self.request().place()
    }
}

impl sealed::Request for GuardContext<'_> {
    fn attached(&self) -> Option<Attached> {
        self.req_data().get().cloned()
    }

    fn place(&self) -> String {
        self.head().uri.path().to_owned()
    }
}
