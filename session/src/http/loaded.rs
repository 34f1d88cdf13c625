//! How guards and other middleware get a session that is loaded already.
//!
//! In: a request, or what a guard sees of it. Out: the session, without waiting, or whether anybody is signed in. Never: a load.

use std::any::type_name;

use actix_web::{
    HttpMessage, HttpRequest,
    dev::{ServiceRequest, ServiceResponse},
    guard::GuardContext,
};

use super::{
    attached::{Attached, missing, short},
    extract::{typed, whole},
};
use crate::{
    error::{Error, ErrorKind},
    handle::{principal::HasPrincipal, session::Session, state::SessionState},
    sparse::Sparse,
};

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
