//! The schema of the flow tests, and a small language for the work of a handler, so that a request takes one line in a test.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use actix_typed_session::{Error, Session, SessionInfo, SessionState, TypedSession, record::Timestamp};
use actix_web::{
    HttpRequest, HttpResponse,
    dev::{Service, ServiceResponse},
    error::ErrorImATeapot,
    web,
};
use tokio::sync::Notify;

/// The session of a shop, with one field of every kind.
#[derive(SessionState)]
#[session(name = "shop", version = 1, lock = off)]
pub(super) struct Shop {
    #[session(principal)]
    pub(super) user: Option<u64>,
    #[session(default)]
    pub(super) cart: Vec<u32>,
    #[session(default)]
    pub(super) visits: u32,
    #[session(default, reset_on_sign_in)]
    pub(super) draft: String,
    #[session(flash)]
    pub(super) notice: Option<String>,
}

/// `user cart visits draft notice`, as handlers read them.
pub(super) fn show(shop: &Shop) -> String {
    let Shop { user, cart, visits, draft, notice } = shop;
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let user = or_dash(user.map(|user| user.to_string()));
    format!("{user} {cart:?} {visits} {draft:?} {}", or_dash(notice.clone()))
}

/// The state that a handler sees without a session.
pub(super) const EMPTY: &str = "- [] 0 \"\" -";

/// The outcome, with any error acknowledged.
pub(super) fn said(result: Result<(), Error>) -> String {
    result
        .inspect_err(Error::acknowledge)
        .map_or_else(|error| format!("{:?}", error.kind()), |()| "Ok".into())
}

/// The result of a list of words.
pub(super) struct Acted {
    pub(super) seen: Vec<String>,
    /// Whether the answer must be a 500.
    pub(super) fails: bool,
}

/// Performs the words, and returns the result of each word that has one, followed by the state.
///
/// `v3` visits = 3 · `c7` push 7 · `d:x` draft · `n:x` notice · `t` take the notice · `up2` visits += 2 for the whole state ·
/// `label:x` · `list`, `end0`, `others`, `all`: the user's sessions · `in4` sign in · `out` clear the principal · `try1` exactly once · `life:idle:absolute:persistent` · the rest by name
pub(super) async fn act(
    shop: &mut TypedSession<Shop>,
    words: &str,
    gate: &Notify,
) -> actix_web::Result<Acted> {
    let session = shop.session();
    let mut acted = Acted { seen: Vec::new(), fails: false };
    let seen = &mut acted.seen;
    for word in words.split(',').filter(|word| !word.is_empty()) {
        let at = word.find(|c: char| c.is_ascii_digit() || c == ':').unwrap_or(word.len());
        let (verb, rest) = word.split_at(at);
        let number = || rest.parse::<u32>().unwrap();
        let text = || rest.trim_start_matches(':').to_owned();
        match verb {
            "v" => shop.set_visits(number()),
            "c" => {
                let line = number();
                shop.update_cart(move |cart| cart.push(line));
            }
            "d" => shop.set_draft(text()),
            "n" => shop.set_notice(text()),
            "t" => seen.push(shop.take_notice().unwrap_or_else(|| "none".into())),
            "up" => {
                let by = number();
                shop.update(move |shop| shop.visits += by);
            }
            "try" => {
                let by = number();
                let visits = shop.try_update(move |shop| {
                    shop.visits += by;
                    shop.visits
                });
                seen.push(visits.await?.to_string());
            }
            "in" => shop.set_user(u64::from(number())),
            "out" => shop.set_user(None),
            "life" => {
                let parts: Vec<u64> = text().split(':').map(|part| part.parse().unwrap()).collect();
                let seconds = Duration::from_secs;
                session.set_lifetime(seconds(parts[0]), seconds(parts[1]), parts[2] == 1);
            }
            // Polled once, and dropped.
            "savedrop" => drop(once(session.save()).await),
            "purge" => session.purge(),
            "renew" => session.renew(),
            "begin" => session.begin(),
            "touch" => session.touch(),
            "clear" => shop.clear(),
            "discard" => session.discard(),
            "poll" => session.do_not_touch(),
            // The handler acknowledges the error, so it does not decide the response.
            "save" => seen.push(said(session.save().await)),
            "why" => seen.push(session.save().await.inspect_err(Error::acknowledge).unwrap_err().to_string()),
            "saveq" => session.save().await?,
            "reload" => seen.push(said(session.reload().await)),
            // The handler ignores the error.
            "savex" => drop(session.save().await),
            "see" => seen.push(show(shop)),
            "gate" => gate.notified().await,
            "err" => return Err(ErrorImATeapot("no coffee")),
            "fail" => acted.fails = true,
            "boom" => panic!("a handler panics"),
            // It must not run on another cart.
            "picky" => shop.update_cart(|cart| assert_eq!(cart[..], [1])),
            "crash" => shop.update_cart(|_| panic!("a closure panics")),
            "usurp" => shop.update(|shop| shop.user = Some(4)),
            "label" => session.set_label(&text()),
            "list" => {
                let names: Vec<_> = session.sessions().await?.iter().map(name).collect();
                seen.push(names.join("+"));
            }
            // All pages of n sessions, in no particular order, and how many pages and sessions there are.
            "pages" => {
                let (mut names, mut after, mut pages) = (Vec::new(), None, 0);
                loop {
                    let page = session.sessions_page(after, number()).await?;
                    names.extend(page.sessions.iter().map(name));
                    (after, pages) = (page.next, pages + 1);
                    if after.is_none() {
                        break;
                    }
                }
                names.sort_unstable();
                let count = session.session_count().await?;
                seen.push(format!("{} in {pages} of {count}", names.join("+")));
            }
            // The n-th session in the list.
            "end" => {
                let sessions = session.sessions().await?;
                session.revoke(sessions[number() as usize].public_id).await?;
            }
            "endid" => session.revoke(text().parse().unwrap()).await?,
            "others" => seen.push(session.revoke_others().await?.to_string()),
            "all" => seen.push(session.revoke_all().await?.to_string()),
            other => seen.push(told(&session, other, rest)),
        }
    }
    seen.push(show(shop));
    Ok(acted)
}

/// What a list shows of a session; `*` marks the current one.
fn name(one: &SessionInfo) -> String {
    let mark = if one.is_current { "*" } else { "" };
    format!("{mark}{}", one.label.as_deref().unwrap_or("-"))
}

/// What the session says of itself.
fn told(session: &Session, verb: &str, rest: &str) -> String {
    match verb {
        "is" => format!("{}{}", u8::from(session.exists()), u8::from(session.is_new())),
        "came" => format!("{:?}", session.arrival()),
        "id" => session.public_id().map_or_else(|| "none".into(), |id| id.to_string()),
        "left" => format!("{:?}", session.expires_in().map(|left| left.as_secs())),
        "born" => format!("{:?}", session.created().map(Timestamp::as_millis)),
        "auth" => session.authenticated_within(Duration::from_secs(rest.parse().unwrap())).to_string(),
        "who" => session.principal().map_or_else(|| "nobody".into(), |who| who.as_str().into()),
        other => panic!("no such word: {other}"),
    }
}

/// Polls a future once, and drops it.
async fn once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

async fn handler(
    mut shop: TypedSession<Shop>,
    words: web::Path<String>,
    gate: web::Data<Notify>,
) -> actix_web::Result<HttpResponse> {
    let acted = act(&mut shop, &words, &gate).await?;
    let mut answer = if acted.fails { HttpResponse::InternalServerError() } else { HttpResponse::Ok() };
    Ok(answer.body(acted.seen.join(" | ")))
}

/// The routes `/do/{words}`, `/mw/{words}` inside a middleware that fails afterwards, and `/none` without a session.
pub(super) fn routes(routes: &mut web::ServiceConfig) {
    let failing = web::resource("/mw/{words:.*}")
        .wrap_fn(|request, service| {
            let answer = service.call(request);
            async move {
                answer.await?;
                Err::<ServiceResponse, _>(ErrorImATeapot("the middleware has no coffee"))
            }
        })
        .route(web::get().to(handler));
    routes
        .service(failing)
        .route("/none", web::get().to(|_: HttpRequest| async { "none" }))
        .route("/do/{words:.*}", web::get().to(handler));
}
