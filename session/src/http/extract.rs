//! How handlers, guards and other middleware come by the session.
//!
//! In: a request. Out: `TypedSession<T>` and [`Session`], or the error that says what is missing. Never: a rule.

use std::{
    any::type_name,
    cell::Ref,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::{Extensions, Payload, ServiceRequest, ServiceResponse},
    guard::GuardContext,
};

use crate::{
    error::{Error, ErrorKind},
    handle::{
        session::Session,
        state::{SessionState, Tracked},
    },
    visit::visit::Visit,
};

/// Where the middleware leaves the session for everybody inside.
#[derive(Clone)]
#[allow(missing_debug_implementations)] // nobody outside can name it
pub struct Carried(pub(crate) Rc<Visit>);

fn visit_in(extensions: &Extensions) -> Option<Rc<Visit>> {
    extensions.get::<Carried>().map(|carried| carried.0.clone())
}

#[cold]
fn missing<T>(place: &str) -> Error {
    let asked = short(type_name::<T>());
    let error = Error::new(ErrorKind::MissingMiddleware).because(format!(
        "`{asked}` was asked for on `{place}`, but no session middleware wraps it; add `.wrap(SessionMiddleware::new(store, key))` to the `App`"
    ));
    tracing::error!(%error, "a handler asked for a session where there is none");
    error
}

/// `shop::Shop` is `Shop` to its author.
fn short(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

/// A visit, and how its load went.
type Opened = (Rc<Visit>, Result<(), Error>);

type Loading = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

/// A visit that is loaded as it is first polled.
struct Opening {
    visit: Result<Rc<Visit>, Error>,
    loading: Option<Loading>,
}

impl Opening {
    fn of<T>(request: &HttpRequest) -> Self {
        let visit = visit_in(&request.extensions()).ok_or_else(|| missing::<T>(request.path()));
        let loading = match &visit {
            Ok(visit) if visit.loaded().is_none() => {
                let (visit, cookies) = (visit.clone(), visit.cookies(request.headers()));
                Some(Box::pin(async move { visit.load(cookies).await }) as Loading)
            }
            _ => None,
        };
        Self { visit, loading }
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

/// What the generated `FromRequest` calls.
#[must_use]
pub fn extract<T: SessionState>(request: &HttpRequest) -> Extract<T> {
    Extract { opening: Opening::of::<T>(request), state: PhantomData }
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
    opened.map(T::Handle::from).inspect_err(|error| {
        tracing::error!(%error, state = T::schema().name(), "a session could not be extracted");
        visit.refuse(error);
    })
}

/// A record that cannot be read can still be purged, so that much of a session is there.
fn whole(visit: Rc<Visit>, loaded: Result<(), Error>) -> Result<Session, Error> {
    match loaded {
        Err(error) if error.peek() != ErrorKind::Unreadable => {
            visit.refuse(&error);
            Err(error)
        }
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
        ExtractSession(Opening::of::<Self>(request))
    }
}

/// The session of a request for those who cannot wait: guards, and middleware inside of `SessionMiddleware`.
///
/// The session must be loaded: build the middleware with `.eager()`, or load it first, in a handler with
/// `TypedSession::<YourState>::extract(&request).await`, in middleware with
/// `request.extract::<TypedSession<YourState>>().await`.
///
/// ```
/// use actix_typed_session::SessionExt;
/// use actix_web::guard;
///
/// let signed_in = guard::fn_guard(|context| context.get_session().is_ok_and(|session| session.principal().is_some()));
/// # let _ = signed_in;
/// ```
pub trait SessionExt: sealed::Carrier {
    /// The session as a whole.
    ///
    /// # Errors
    /// [`ErrorKind::MissingMiddleware`], [`ErrorKind::NotLoaded`], or why the load failed.
    fn get_session(&self) -> Result<Session, Error> {
        let Carried(visit) = self.carried().ok_or_else(|| missing::<Session>(&self.place()))?;
        let loaded = visit.loaded().ok_or_else(|| Error::new(ErrorKind::NotLoaded))?;
        whole(visit, loaded)
    }

    /// The session as a `T`.
    ///
    /// # Errors
    /// As [`get_session`](Self::get_session), and when the section cannot be read.
    fn typed_session<T: SessionState>(&self) -> Result<T::Handle, Error> {
        let Carried(visit) = self.carried().ok_or_else(|| missing::<T>(&self.place()))?;
        let loaded = visit.loaded().ok_or_else(|| Error::new(ErrorKind::NotLoaded))?;
        typed::<T>(&visit, loaded)
    }
}

mod sealed {
    use super::Carried;

    pub trait Carrier {
        fn carried(&self) -> Option<Carried>;
        fn place(&self) -> String;
    }
}

macro_rules! carriers {
    ($($carrier:ty: $extensions:expr, $path:expr;)*) => {$(
        impl sealed::Carrier for $carrier {
            fn carried(&self) -> Option<Carried> {
                let extensions: fn(&Self) -> Ref<'_, Extensions> = $extensions;
                extensions(self).get().cloned()
            }

            fn place(&self) -> String {
                let path: fn(&Self) -> &str = $path;
                path(self).to_owned()
            }
        }

        impl SessionExt for $carrier {}
    )*};
}

carriers! {
    HttpRequest: |it| it.extensions(), |it| it.path();
    ServiceRequest: |it| it.extensions(), |it| it.path();
    ServiceResponse: |it| it.request().extensions(), |it| it.request().path();
    GuardContext<'_>: |it| it.req_data(), |it| it.head().uri.path();
}
