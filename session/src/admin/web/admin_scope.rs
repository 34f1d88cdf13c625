//! The pages as a scope of an actix application, behind a guard.
//!
//! In: requests that the guard has let in. Out: pages, and sessions that have ended. Never: a page for anybody whom the guard has not let in.

use std::{fmt, rc::Rc};

use actix_web::{
    HttpRequest,
    body::BoxBody,
    dev::{AppService, HttpServiceFactory, ServiceRequest, ServiceResponse},
    http::header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    },
    middleware::{Next, from_fn},
    web,
};
use futures_util::future::LocalBoxFuture;

use super::{
    ending::{end, end_all},
    minutes::EventsPerMinute,
    pages::sessions::Access,
    reading::{Desk, events, find, folder, health, schemas, session, sessions, style, user},
};
use crate::{
    error::{Error, ErrorKind},
    http::origin::Origins,
    store::{any::AnyStore, contract::SessionStore},
};

type Guard = dyn Fn(HttpRequest) -> LocalBoxFuture<'static, Result<(), actix_web::Error>>;

/// Pages for a support team: live sessions, those of a user, what is stored of each schema, what happened in the last hour,
/// and the health of the store. Made by [`scope`].
pub struct AdminScope {
    path: String,
    store: AnyStore,
    guard: Rc<Guard>,
    access: Access,
    events: Option<EventsPerMinute>,
}

/// Pages for a support team under `path`, such as `/admin`, for requests that `guard` lets in.
///
/// There are no pages without a guard. It is asked before every request, and whatever error it returns is the response; the extractors of the
/// session work in it. The pages only read until [`allow_ending`](AdminScope::allow_ending) is called. They show no value of a field and
/// nothing that opens a session, load nothing from elsewhere, and work without JavaScript. Requests of other sites that would end a session
/// are refused, whether or not a session middleware wraps the scope.
///
/// The function may keep the request until it answers, and no longer: actix-web routes only a request that nobody else holds.
///
/// ```
/// use actix_typed_session::{Key, SessionMiddleware, SessionState, SignedIn, admin, store::{self, AnyStore}};
/// use actix_web::{App, FromRequest, HttpRequest, error::ErrorForbidden};
///
/// #[derive(SessionState)]
/// #[session(name = "shop", version = 1)]
/// struct Shop {
///     #[session(principal)]
///     user: Option<u64>,
/// }
///
/// /// Lets the first user in. Whoever is not signed in is answered 401, or sent to the sign-in page.
/// async fn staff(request: HttpRequest) -> Result<(), actix_web::Error> {
///     let SignedIn(user) = SignedIn::<Shop>::extract(&request).await?;
///     if user == 1 { Ok(()) } else { Err(ErrorForbidden("for staff")) }
/// }
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = store::open("memory:").await?;
/// let sessions = SessionMiddleware::new(store.clone(), Key::generate()?);
/// let app = move || {
///     App::new().wrap(sessions.clone()).service(admin::scope("/admin", store.clone(), staff).allow_ending())
/// };
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
pub fn scope<R>(
    path: impl Into<String>,
    store: impl SessionStore,
    guard: impl Fn(HttpRequest) -> R + 'static,
) -> AdminScope
where
    R: Future<Output = Result<(), actix_web::Error>> + 'static,
{
    AdminScope {
        path: path.into(),
        store: AnyStore::new(store),
        guard: Rc::new(move |request| Box::pin(guard(request))),
        access: Access::Reading,
        events: None,
    }
}

impl AdminScope {
    /// Gives the pages buttons that end a session, or all sessions of a user.
    #[must_use]
    pub fn allow_ending(mut self) -> Self {
        self.access = Access::Ending;
        self
    }

    /// Shows what happened in the last hour, as `counts` knows it: the one that the builder of the sessions has as its observer, or a clone.
    #[must_use]
    pub fn events(mut self, counts: EventsPerMinute) -> Self {
        self.events = Some(counts);
        self
    }
}

impl fmt::Debug for AdminScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminScope")
            .field("path", &self.path)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}

impl HttpServiceFactory for AdminScope {
    fn register(self, config: &mut AppService) {
        let Self { path, store, guard, access, events: counts } = self;
        let mut scope = web::scope(path.trim_end_matches('/'))
            .app_data(web::Data::new(Desk { store, access, events: counts }))
            .route("", web::get().to(folder))
            .route("/", web::get().to(sessions))
            .route("/find", web::get().to(find))
            .route("/user", web::get().to(user))
            .route("/session", web::get().to(session))
            .route("/schemas", web::get().to(schemas))
            .route("/events", web::get().to(events))
            .route("/health", web::get().to(health))
            .route("/style.css", web::get().to(style));
        if access == Access::Ending {
            scope = scope.route("/end", web::post().to(end)).route("/end-all", web::post().to(end_all));
        }
        scope.wrap(from_fn(move |request, next| enter(guard.clone(), request, next))).register(config);
    }
}

/// Fails for a page of another site, and for whom the guard keeps out.
async fn admit(guard: &Guard, request: &ServiceRequest) -> Result<(), actix_web::Error> {
    if !Origins::default().allow(request) {
        return Err(Error::new(ErrorKind::CrossOrigin).into());
    }
    guard(request.request().clone()).await
}

/// Goes on if the request is let in. A refusal has the headers of the pages too.
async fn enter(
    guard: Rc<Guard>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; \
                          base-uri 'none'; frame-ancestors 'none'";
    let mut response = match admit(&*guard, &request).await {
        Ok(()) => next.call(request).await?,
        Err(refusal) => request.error_response(refusal),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}
