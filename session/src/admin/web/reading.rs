//! The handlers that show pages.
//!
//! In: requests that the guard has let in. Out: pages. Never: a change.

use std::time::{Duration, Instant, SystemTime};

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde::Deserialize;

use super::{
    answer::{Answer, html, ok, to, within},
    html::{STYLE, link},
    minutes::EventsPerMinute,
    pages::{self, answers, sessions::Access},
};
use crate::{
    id::public::PublicId,
    record::{meta::Principal, time::Timestamp},
    store::{any::AnyStore, contract::SessionStore, index::PrincipalIndex, scan::Cursor},
    tools::{tally::Tally, walk::Walk},
};

/// Sessions on one page.
const PAGE: u32 = 50;

/// How long the page of schemas counts.
const COUNTING: Duration = Duration::from_secs(2);

/// What the handlers share.
pub(super) struct Desk {
    pub(super) store: AnyStore,
    pub(super) access: Access,
    pub(super) events: Option<EventsPerMinute>,
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

/// Links are relative, so the first page is that of a folder.
pub(super) async fn folder(request: HttpRequest) -> HttpResponse {
    let last = request.path().rsplit('/').next().unwrap_or_default();
    to(format!("./{last}/"))
}

#[derive(Deserialize)]
pub(super) struct Part {
    from: Option<String>,
    ended: Option<u64>,
}

pub(super) async fn sessions(desk: web::Data<Desk>, query: web::Query<Part>) -> Answer {
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
        let notice = ended.map(answers::ended);
        Ok(ok(pages::sessions::sessions(&list, walk.cursor(), now(), notice.as_deref())))
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct Find {
    q: String,
}

pub(super) async fn find(query: web::Query<Find>) -> HttpResponse {
    let text = query.q.trim();
    if let Ok(id) = text.parse::<PublicId>() {
        to(link("session", "id", id))
    } else if let Ok(principal) = text.parse::<Principal>() {
        to(link("user", "of", principal.as_str()))
    } else {
        html(StatusCode::NOT_FOUND, answers::not_found(text))
    }
}

#[derive(Deserialize)]
pub(super) struct UserPage {
    of: String,
    after: Option<PublicId>,
    ended: Option<u64>,
}

pub(super) async fn user(desk: web::Data<Desk>, query: web::Query<UserPage>) -> Answer {
    let UserPage { of, after, ended } = query.into_inner();
    within(async move {
        let (principal, after) = (Principal::from_store(&of), after.map(PublicId::selector));
        let list = desk.store.sessions_page(&principal, after.as_ref(), PAGE).await?;
        let count = desk.store.count_of(&principal).await?;
        let notice = ended.map(answers::ended);
        Ok(ok(pages::sessions::user(&principal, count, &list, now(), desk.access, notice.as_deref())))
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct Id {
    id: PublicId,
}

pub(super) async fn session(desk: web::Data<Desk>, query: web::Query<Id>) -> Answer {
    let id = query.id;
    within(async move {
        Ok(match desk.store.load(&id.selector()).await {
            Ok(Some(loaded)) => ok(pages::sessions::session(id, &loaded, desk.access)),
            Ok(None) => html(StatusCode::NOT_FOUND, pages::sessions::no_session(id)),
            Err(error) if error.is_unreadable() => {
                ok(pages::sessions::unreadable(id, error.kind(), desk.access))
            }
            Err(error) => return Err(error),
        })
    })
    .await
}

pub(super) async fn schemas(desk: web::Data<Desk>) -> Answer {
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
        Ok(ok(pages::schemas::schemas(&tally)))
    })
    .await
}

pub(super) async fn events(desk: web::Data<Desk>) -> HttpResponse {
    ok(pages::events::events(desk.events.as_ref().map(EventsPerMinute::last_hour).as_ref()))
}

pub(super) async fn health(desk: web::Data<Desk>) -> HttpResponse {
    let begun = Instant::now();
    let answer = desk.store.health().await;
    let status = if answer.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    html(status, answers::health(&answer, begun.elapsed()))
}

pub(super) async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(STYLE)
}
