//! Attaches a session to each request, and commits it before the response.
//!
//! In: requests and responses of the application inside. Out: the session in the request's extensions, the `Set-Cookie` header,
//! the error response of a commit that failed. Never: a decision; those are made in `commit`.

use std::{
    cell::Cell,
    fmt,
    future::{Future, Ready, ready},
    pin::Pin,
    rc::Rc,
};

use actix_web::{
    HttpResponse, ResponseError,
    body::{EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    http::header::{HeaderMap, RETRY_AFTER},
};

use super::{
    attached::Attached,
    extract::load,
    site::{Said, Site},
};
use crate::{
    error::Error,
    sparse::Sparse,
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
/// let store = MemoryStore::with_max_bytes(256 << 20);
/// let sessions = SessionMiddleware::new(store, Key::generate()?);
/// let server = HttpServer::new(move || App::new().wrap(sessions.clone()));
/// # let _ = server;
/// # Ok(())
/// # }
/// ```
///
/// # Several sessions
///
/// A second middleware inside of another is for another session, with a
/// [`cookie_name`](crate::SessionMiddlewareBuilder::cookie_name) of its own; one with the same cookie refuses every request. Where both
/// wrap a route, each state is in the session of the middleware that names it in its [`schemas`](crate::SessionMiddlewareBuilder::schemas),
/// so that one handler can take both; a state that neither names, or both, is an error. [`Session`](crate::Session) is that of the inner
/// one; a handle has its own: `shop.session()`.
///
/// ```
/// use actix_typed_session::{
///     Key, Schemas, SessionMiddleware, SessionState, SignedIn, TypedSession, store::MemoryStore,
/// };
/// use actix_web::{App, web};
///
/// #[derive(SessionState)]
/// #[session(name = "shop", version = 1)]
/// struct Shop {
///     #[session(principal)]
///     customer: Option<u64>,
/// }
///
/// #[derive(SessionState)]
/// #[session(name = "admin", version = 1)]
/// struct Admin {
///     #[session(principal)]
///     employee: Option<String>,
/// }
///
/// /// An employee sees the shop as a customer does who is signed in beside.
/// async fn preview(SignedIn(employee): SignedIn<Admin>, shop: TypedSession<Shop>) -> String {
///     format!("{employee} sees the shop of {:?}", shop.customer())
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (store, key) = (MemoryStore::with_max_bytes(256 << 20), Key::generate()?);
/// let site = SessionMiddleware::builder(store.clone(), key.clone())
///     .schemas(Schemas::builder().with::<Shop>().build()?)
///     .build()?;
/// let administration = SessionMiddleware::builder(store, key)
///     .cookie_name("admin")
///     .schemas(Schemas::builder().with::<Admin>().build()?)
///     .build()?;
/// let inside = web::scope("/admin").wrap(administration).route("/preview", web::get().to(preview));
/// let app = App::new().service(inside).wrap(site);
/// # let _ = app;
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

    /// What a request's session shares with all others, for sessions of no request.
    #[cfg(feature = "testing")]
    pub(crate) fn shared(&self) -> Rc<Shared> {
        Rc::new(self.shared.clone())
    }

    #[cfg(feature = "testing")]
    pub(crate) const fn site(&self) -> &Site {
        &self.site
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
    ///     let sessions = SessionMiddleware::new(MemoryStore::with_max_bytes(256 << 20), Key::generate()?);
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
        f.debug_struct("SessionMiddleware").field("id", &self.site.carrier.name()).finish_non_exhaustive()
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
        self.site.serves();
        ready(Ok(SessionService {
            service: Rc::new(service),
            site: Rc::new(self.site.clone()),
            shared: Rc::new(self.shared.clone()),
            has_served: Cell::new(false),
        }))
    }
}

/// [`SessionMiddleware`] around the service of one worker.
pub struct SessionService<S> {
    service: Rc<S>,
    site: Rc<Site>,
    shared: Rc<Shared>,
    has_served: Cell<bool>,
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
        if !self.has_served.replace(true) {
            self.site.tell_of_workers();
        }
        if let Err(error) = self.site.check(&request) {
            return Box::pin(ready(Ok(refuse(request, error))));
        }
        let (visit, site) = (Visit::new(self.shared.clone()), self.site.clone());
        let attached = match Attached::attach(&request, visit.clone(), site.clone()) {
            Ok(attached) => attached,
            Err(error) => {
                static LINES: Sparse = Sparse::new();
                if let Some(left_out) = LINES.due() {
                    tracing::error!(%error, left_out, path = request.path(), "a request is refused");
                }
                return Box::pin(ready(Ok(refuse(request, error))));
            }
        };
        if site.eager {
            let service = self.service.clone();
            return Box::pin(async move {
                let open = Open(Some(visit.clone()));
                // A handler that needs the session gets the error from its extractor; the others do without.
                let _ = load(&visit, &site, request.request()).await;
                let answer = service.call(request).await;
                let answer = conclude(&attached, visit, &site, answer).await;
                open.answered();
                answer
            });
        }
        let inner = self.service.call(request);
        Box::pin(async move {
            let open = Open(Some(visit.clone()));
            let answer = inner.await;
            let answer = if visit.is_consulted() {
                conclude(&attached, visit, &site, answer).await
            } else {
                // A body that uses the session for the first time is too late for a cookie, and must be told.
                visit.send_head();
                answer.inspect(|response| attached.detach(response)).map(ServiceResponse::map_into_left_body)
            };
            open.answered();
            answer
        })
    }
}

/// The answer to a request that is not let in. It is a response and not an error, so that middleware outside treats it as any other.
fn refuse<B>(request: ServiceRequest, error: Error) -> ServiceResponse<EitherBody<B>> {
    request.error_response(error).map_into_right_body()
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

type Answer<B> = Result<ServiceResponse<B>, actix_web::Error>;

/// Commits, and adds to the answer what the commit requires.
async fn conclude<B>(
    attached: &Attached,
    visit: Rc<Visit>,
    site: &Site,
    answer: Answer<B>,
) -> Answer<EitherBody<B>> {
    let answer = answer.inspect(|response| attached.detach(response));
    if is_failure(&answer) {
        visit.put_flashes_back();
    }
    let is_signed_in = visit.fold(|fold| fold.principal.is_some());
    let failed = commit(&visit, session_error(&answer)).await;
    let said = site.say(&visit, is_signed_in);
    if said.sets_id()
        && let Ok(response) = &answer
    {
        site.tell_of_plain_http(response.request());
    }
    if let Some(error) = &failed {
        // The error answers for the operations that are left.
        visit.discard();
        visit.shared().tell(error, "a request was answered with a session error");
    }
    let within = attached.answered_within();
    // Sent again, what is stored would count twice.
    let has_stored = visit.has_stored() || within.is_some_and(|within| within.has_stored.get());
    let is_final = failed.is_some() && has_stored;
    let said = Rc::new(said);
    // A response in the place of that of a session within must say what that one said.
    let mut lost = within.map_or_else(Vec::new, |within| within.said.borrow().clone());
    attached.tell_outer(&said, has_stored);
    let decorate = move |headers: &mut HeaderMap, lost: &[Rc<Said>]| {
        if is_final {
            headers.remove(RETRY_AFTER);
        }
        lost.iter().chain([&said]).for_each(|said| said.write(headers));
    };
    match (answer, failed) {
        (Ok(response), Some(error)) if response.status() != error.status_code() => {
            let mut replaced = HttpResponse::from_error(error);
            decorate(replaced.headers_mut(), &lost);
            Ok(response.into_response(replaced).map_into_right_body())
        }
        // A response that says the same already may say it in the application's own words.
        (Ok(response), _) => {
            let mut response = response.map_into_left_body();
            decorate(response.headers_mut(), &[]);
            Ok(response)
        }
        // The session's error says why nothing was stored, so it takes precedence.
        (Err(error), failed) => {
            if failed.is_none() {
                lost.clear();
            }
            let mut error = failed.map_or(error, Into::into);
            error.add_response_mapper(move |mut response| {
                decorate(response.headers_mut(), &lost);
                response
            });
            Err(error)
        }
    }
}

/// Stores what the request did, unless it is answered with a session error: then it does not count, so that it can be sent again.
/// Only the end of a session is carried out all the same (G3). Returns the error.
async fn commit(visit: &Rc<Visit>, answered: Option<Error>) -> Option<Error> {
    let mut failed = visit.unacknowledged().or(answered);
    let owes_a_logout = failed.is_some() && visit.owes_a_logout();
    if failed.is_none() && visit.needs_commit() {
        let committed = visit.commit().await;
        // After the commit, because a `save` that the handler did not wait for may have failed by now.
        failed = visit.unacknowledged().or(committed.err());
    }
    if failed.is_some() {
        visit.keep_ends();
        if owes_a_logout || visit.is_unfinished() {
            let _ = visit.commit().await; // the failure from before it answers
        }
    }
    failed
}

/// Whether the handler has failed, so that what it was about to show is not shown.
fn is_failure<B>(answer: &Answer<B>) -> bool {
    let shows = |response: &ServiceResponse<B>| {
        !response.status().is_server_error() && response.response().error().is_none()
    };
    !answer.as_ref().is_ok_and(shows)
}

/// The session error that a handler or a middleware has answered with.
fn session_error<B>(answer: &Answer<B>) -> Option<Error> {
    let error = answer.as_ref().map_or_else(Some, |response| response.response().error());
    error.and_then(|error| error.as_error::<Error>()).cloned()
}
