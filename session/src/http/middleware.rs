//! Attaches a session to each request, and commits it before the response.
//!
//! In: requests and responses of the application inside. Out: the session in the request's extensions, the `Set-Cookie` header,
//! the error response of a commit that failed. Never: a decision; those are made in `commit`.

use std::{
    fmt,
    future::{Future, Ready, ready},
    pin::Pin,
    rc::Rc,
};

use actix_web::{
    HttpMessage, HttpResponse, ResponseError,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    http::{
        StatusCode,
        header::{HeaderMap, HeaderValue, SET_COOKIE},
    },
};

use super::{cookie::protect, extract::Attached, site::Site};
use crate::{
    error::Error,
    visit::{shared::Shared, visit::Visit},
};

/// Gives every request its session, and stores the session before the response is sent.
///
/// Build it once, outside of the closure that makes the `App`, and clone it into each worker:
///
/// ```
/// use actix_typed_session::{Key, SessionMiddleware, store::MemoryStore};
/// use actix_web::{App, HttpServer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = SessionMiddleware::new(MemoryStore::bounded(100_000), Key::generate()?);
/// let server = HttpServer::new(move || App::new().wrap(sessions.clone()));
/// # let _ = server;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SessionMiddleware {
    site: Site,
    shared: Shared,
}

impl SessionMiddleware {
    pub(crate) const fn over(site: Site, shared: Shared) -> Self {
        Self { site, shared }
    }

    /// Waits until everything that requests have begun to store is stored.
    ///
    /// A graceful stop of the server waits for the requests of clients that are still there. Await this after it, so that the process
    /// does not end while a request is being stored whose client has gone.
    ///
    /// ```no_run
    /// use actix_typed_session::{Key, SessionMiddleware, store::MemoryStore};
    /// use actix_web::{App, HttpServer};
    ///
    /// #[actix_web::main]
    /// async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let sessions = SessionMiddleware::new(MemoryStore::bounded(100_000), Key::generate()?);
    ///     let finishing = sessions.clone();
    ///     HttpServer::new(move || App::new().wrap(sessions.clone())).bind(("127.0.0.1", 8080))?.run().await?;
    ///     finishing.finish().await;
    ///     Ok(())
    /// }
    /// ```
    pub async fn finish(self) {
        self.shared.ongoing.ended().await;
    }
}

impl fmt::Debug for SessionMiddleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionMiddleware").field("cookie", &self.site.cookie.name()).finish_non_exhaustive()
    }
}

impl<S, B> Transform<S, ServiceRequest> for SessionMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = actix_web::Error;
    type Transform = SessionService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(SessionService {
            service: Rc::new(service),
            site: Rc::new(self.site.clone()),
            shared: Rc::new(self.shared.clone()),
        }))
    }
}

/// [`SessionMiddleware`] around the service of one worker.
pub struct SessionService<S> {
    service: Rc<S>,
    site: Rc<Site>,
    shared: Rc<Shared>,
}

impl<S> fmt::Debug for SessionService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionService").finish_non_exhaustive()
    }
}

impl<S, B> Service<ServiceRequest> for SessionService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>>>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (visit, site) = (Visit::new(self.shared.clone()), self.site.clone());
        request.extensions_mut().insert(Attached::new(visit.clone(), site.clone()));
        if site.eager {
            let service = self.service.clone();
            return Box::pin(async move {
                let open = Open(Some(visit.clone()));
                // A handler that needs the session gets the error from its extractor; the others do without.
                let _ = visit.load(site.session_id(request.headers())).await;
                let answer = service.call(request).await;
                let answer = conclude(visit, &site, answer).await;
                open.answered();
                answer
            });
        }
        let inner = self.service.call(request);
        Box::pin(async move {
            let open = Open(Some(visit.clone()));
            let answer = inner.await;
            let answer = if visit.is_consulted() {
                conclude(visit, &site, answer).await
            } else {
                // A body that uses the session for the first time is too late for a cookie, and must be told.
                visit.send_head();
                answer.map(ServiceResponse::map_into_left_body)
            };
            open.answered();
            answer
        })
    }
}

/// A request without an answer yet. Dropping it, as actix does when the client resets the connection, abandons its session.
struct Open(Option<Rc<Visit>>);

impl Open {
    fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(visit) = self.0.take() {
            visit.abandon();
        }
    }
}

/// Commits, and adds to the answer what the commit requires.
async fn conclude<B>(
    visit: Rc<Visit>,
    site: &Site,
    answer: Result<ServiceResponse<B>, actix_web::Error>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let mut committed = Ok(());
    if visit.needs_commit() {
        committed = visit.commit().await.map(drop);
    }
    // After the commit, because a `save` that the handler did not wait for may have failed by now.
    let failed = visit.unacknowledged().or(committed.err());
    let set_cookie = site.set_cookie(&visit.send_head());
    if let Some(error) = &failed {
        // The error answers for the operations that are left.
        visit.discard();
        tracing::error!(%error, "a request was answered with a session error");
    }
    match (answer, failed) {
        (Ok(response), None) => {
            let mut response = response.map_into_left_body();
            decorate(response.headers_mut(), set_cookie);
            Ok(response)
        }
        (Ok(response), Some(error)) => {
            let mut replaced = error.error_response();
            decorate(replaced.headers_mut(), set_cookie);
            Ok(response.into_response(replaced).map_into_right_body())
        }
        (Err(error), None) => Err(Decorated { answer: Answer::Inner(error), set_cookie }.into()),
        // The session's error says why nothing was stored, so it takes precedence.
        (Err(_), Some(error)) => Err(Decorated { answer: Answer::Session(error), set_cookie }.into()),
    }
}

fn decorate(headers: &mut HeaderMap, set_cookie: Option<HeaderValue>) {
    protect(headers, set_cookie.is_some());
    if let Some(value) = set_cookie {
        headers.append(SET_COOKIE, value);
    }
}

/// An error, which has no response yet, with the headers that its response must carry: the request used the session, so its answer
/// varies by cookie.
#[derive(Debug)]
struct Decorated {
    answer: Answer,
    set_cookie: Option<HeaderValue>,
}

#[derive(Debug)]
enum Answer {
    Inner(actix_web::Error),
    Session(Error),
}

impl fmt::Display for Decorated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.answer {
            Answer::Inner(error) => error.fmt(f),
            Answer::Session(error) => error.fmt(f),
        }
    }
}

impl ResponseError for Decorated {
    fn status_code(&self) -> StatusCode {
        match &self.answer {
            Answer::Inner(error) => error.as_response_error().status_code(),
            Answer::Session(error) => error.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = match &self.answer {
            Answer::Inner(error) => error.error_response(),
            Answer::Session(error) => error.error_response(),
        };
        decorate(response.headers_mut(), self.set_cookie.clone());
        response
    }
}
