//! The pages as a scope of an actix application, behind a guard.
//!
//! In: requests that the guard has let in. Out: pages, and sessions that have ended. Never: a page for anybody whom the guard has not let in.

use std::{
    fmt,
    rc::Rc,
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    dev::{AppService, HttpServiceFactory, ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, LOCATION, REFERRER_POLICY,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::{Next, from_fn},
    web,
};
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::{
    html::{STYLE, link},
    pages::{self, Access},
};
use crate::{
    error::{Error, ErrorKind},
    http::origin::Origins,
    id::public::PublicId,
    record::meta::Principal,
    store::{
        any::AnyStore,
        contract::SessionStore,
        error::{StoreError, StoreErrorKind},
        index::PrincipalIndex,
        scan::Cursor,
    },
    tools::{tally::Tally, walk::Walk},
};

/// Sessions on one page.
const PAGE: u32 = 50;

/// How long a page waits for the store.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the page of schemas counts.
const COUNTING: Duration = Duration::from_secs(2);

type Guard = dyn Fn(HttpRequest) -> LocalBoxFuture<'static, Result<(), actix_web::Error>>;

/// Pages for a support team: live sessions, those of a user, what is stored of each schema, and the health of the store. Made by [`scope`].
pub struct AdminScope {
    path: String,
    store: AnyStore,
    guard: Rc<Guard>,
    access: Access,
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
    }
}

impl AdminScope {
    /// Gives the pages buttons that end a session, or all sessions of a user.
    #[must_use]
    pub fn allow_ending(mut self) -> Self {
        self.access = Access::Ending;
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
        let Self { path, store, guard, access } = self;
        let mut scope = web::scope(path.trim_end_matches('/'))
            .app_data(web::Data::new(Desk { store, access }))
            .route("", web::get().to(folder))
            .route("/", web::get().to(sessions))
            .route("/find", web::get().to(find))
            .route("/user", web::get().to(user))
            .route("/session", web::get().to(session))
            .route("/schemas", web::get().to(schemas))
            .route("/health", web::get().to(health))
            .route("/style.css", web::get().to(style));
        if access == Access::Ending {
            scope = scope.route("/end", web::post().to(end)).route("/end-all", web::post().to(end_all));
        }
        scope.wrap(from_fn(move |request, next| enter(guard.clone(), request, next))).register(config);
    }
}

/// What the handlers share.
struct Desk {
    store: AnyStore,
    access: Access,
}

/// Asks the guard, and goes on if it lets the request in.
async fn enter(
    guard: Rc<Guard>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    const POLICY: &str =
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    if !Origins::default().allow(&request) {
        return Err(Error::new(ErrorKind::CrossOrigin).into());
    }
    guard(request.request().clone()).await?;
    let mut response = next.call(request).await?;
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

/// What a handler answers. A failure of the store is a page too, so it is no error of actix's.
struct Answer(Result<HttpResponse, StoreError>);

impl Responder for Answer {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.0.unwrap_or_else(|error| {
            let status = match error.kind() {
                StoreErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            };
            html(status, pages::failed(&error))
        })
    }
}

/// The answer of `work`, if the store gives it in time.
async fn within(work: impl Future<Output = Result<HttpResponse, StoreError>>) -> Answer {
    let late = || StoreError::new(StoreErrorKind::Unavailable).with_source("no answer in time");
    Answer(tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(late())))
}

fn html(status: StatusCode, page: String) -> HttpResponse {
    HttpResponse::build(status).content_type("text/html; charset=utf-8").body(page)
}

fn ok(page: String) -> HttpResponse {
    html(StatusCode::OK, page)
}

fn to(place: impl AsRef<str>) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, place.as_ref())).finish()
}

/// Links are relative, so the first page is that of a folder.
async fn folder(request: HttpRequest) -> HttpResponse {
    let last = request.path().rsplit('/').next().unwrap_or_default();
    to(format!("./{last}/"))
}

#[derive(Deserialize)]
struct Part {
    from: Option<String>,
    ended: Option<u64>,
}

async fn sessions(desk: web::Data<Desk>, query: web::Query<Part>) -> Answer {
    let Part { from, ended } = query.into_inner();
    within(async move {
        let mut walk = match from {
            Some(cursor) => Walk::after(&desk.store, Cursor::new(cursor)),
            None => Walk::of(&desk.store),
        };
        let (begun, mut list) = (Instant::now(), Vec::new());
        // A page of a store may have few sessions, or none that live.
        while list.len() < 20
            && begun.elapsed() < COUNTING
            && let Some(page) = walk.next(PAGE).await?
        {
            list.extend(page);
        }
        let notice = ended.map(pages::ended);
        Ok(ok(pages::sessions(&list, walk.cursor(), notice.as_deref())))
    })
    .await
}

#[derive(Deserialize)]
struct Find {
    q: String,
}

async fn find(query: web::Query<Find>) -> HttpResponse {
    let text = query.q.trim();
    if let Ok(id) = text.parse::<PublicId>() {
        to(link("session", "id", id))
    } else if let Ok(principal) = text.parse::<Principal>() {
        to(link("user", "of", principal.as_str()))
    } else {
        html(StatusCode::NOT_FOUND, pages::not_found(text))
    }
}

#[derive(Deserialize)]
struct UserPage {
    of: String,
    after: Option<PublicId>,
    ended: Option<u64>,
}

async fn user(desk: web::Data<Desk>, query: web::Query<UserPage>) -> Answer {
    let UserPage { of, after, ended } = query.into_inner();
    within(async move {
        let (principal, after) = (Principal::from_store(&of), after.map(PublicId::selector));
        let list = desk.store.sessions_page(&principal, after.as_ref(), PAGE).await?;
        let count = desk.store.count_of(&principal).await?;
        let notice = ended.map(pages::ended);
        Ok(ok(pages::user(&principal, count, list, desk.access, notice.as_deref())))
    })
    .await
}

#[derive(Deserialize)]
struct Id {
    id: PublicId,
}

async fn session(desk: web::Data<Desk>, query: web::Query<Id>) -> Answer {
    let id = query.id;
    within(async move {
        Ok(match desk.store.load(&id.selector()).await {
            Ok(Some(loaded)) => ok(pages::session(id, &loaded, desk.access)),
            Ok(None) => html(StatusCode::NOT_FOUND, pages::no_session(id)),
            Err(error) if error.is_unreadable() => ok(pages::unreadable(id, error.kind(), desk.access)),
            Err(error) => return Err(error),
        })
    })
    .await
}

async fn schemas(desk: web::Data<Desk>) -> Answer {
    within(async move {
        let (begun, mut tally, mut walk) = (Instant::now(), Tally::default(), Walk::of(&desk.store));
        while begun.elapsed() < COUNTING {
            let Some(page) = walk.next(PAGE).await? else {
                tally.complete = true;
                break;
            };
            for session in &page {
                tally.add(session);
            }
        }
        Ok(ok(pages::schemas(&tally)))
    })
    .await
}

async fn health(desk: web::Data<Desk>) -> HttpResponse {
    let begun = Instant::now();
    let answer = desk.store.health().await;
    let status = if answer.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    html(status, pages::health(&answer, begun.elapsed()))
}

async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(STYLE)
}

#[derive(Deserialize)]
struct End {
    id: PublicId,
    /// The user whose list has the button.
    of: Option<String>,
}

/// Ends one session. Pressed on a list that is out of date, it ends none of another user.
async fn end(desk: web::Data<Desk>, form: web::Form<End>) -> Answer {
    let End { id, of } = form.into_inner();
    within(async move {
        let principal = of.as_deref().map(Principal::from_store);
        let was_there = match desk.store.load(&id.selector()).await {
            Ok(found) => {
                found.is_some_and(|loaded| principal.is_none() || loaded.record.meta().principal == principal)
            }
            // It may be ended though it cannot be read, but not as that of a user.
            Err(error) if error.is_unreadable() => principal.is_none(),
            Err(error) => return Err(error),
        };
        if was_there {
            desk.store.delete(&id.selector(), principal.as_ref()).await?;
            tracing::info!(public_id = %id, "a session was ended on the administration pages");
        }
        let ended = u8::from(was_there);
        Ok(match of {
            Some(of) => to(link("user", "of", of) + &format!("&ended={ended}")),
            None => to(format!("./?ended={ended}")),
        })
    })
    .await
}

#[derive(Deserialize)]
struct EndAll {
    of: String,
}

async fn end_all(desk: web::Data<Desk>, form: web::Form<EndAll>) -> Answer {
    let EndAll { of } = form.into_inner();
    within(async move {
        let ended = desk.store.delete_all(&Principal::from_store(&of), None).await?;
        tracing::info!(ended, "all sessions of a user were ended on the administration pages");
        Ok(to(link("user", "of", of) + &format!("&ended={ended}")))
    })
    .await
}
