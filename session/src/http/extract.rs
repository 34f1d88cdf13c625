//! How handlers get the session.
//!
//! In: a request. Out: a `TypedSession<T>` or a [`Session`], once it is loaded. Never: a rule.

use std::{
    future::Future,
    marker::PhantomData,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::{
        Method,
        header::{HeaderName, HeaderValue},
    },
};

use super::{
    attached::{Attached, attached},
    site::Site,
};
use crate::{
    error::{Error, ErrorKind},
    handle::{
        session::Session,
        state::{SessionState, Tracked},
    },
    visit::visit::Visit,
};

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

pub(super) fn typed<T: SessionState>(
    visit: &Rc<Visit>,
    loaded: Result<(), Error>,
) -> Result<T::Handle, Error> {
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
pub(super) fn whole(visit: Rc<Visit>, loaded: Result<(), Error>) -> Result<Session, Error> {
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
