//! How much state fits into a cookie, beside the cookie store of actix-session.
//!
//! In: nothing. Out: a table. Never a socket.

use actix_typed_session::{Key, SealedCookie, SessionMiddleware, SessionState, TypedSession};
use actix_web::{
    App, Error,
    body::MessageBody,
    cookie::{Cookie, Key as TheirKey},
    dev::{Service, ServiceResponse},
    http::header::SET_COOKIE,
    test::{TestRequest, init_service},
    web::{self, Path},
};
use serde::{Deserialize, Serialize};

use crate::size::text;

/// What browsers keep of a cookie: name and value.
const BROWSER: usize = 4096;

#[derive(Clone, Serialize, Deserialize)]
struct Line {
    sku: u32,
    count: u32,
}

#[derive(SessionState)]
#[session(name = "shop", version = 1, lock = off)]
struct Shop {
    #[session(principal)]
    user: Option<u64>,
    #[session(default)]
    cart: Vec<Line>,
    #[session(default)]
    notes: String,
    #[session(default)]
    ids: Vec<String>,
}

/// The same numbers for both sides.
fn numbers() -> impl Iterator<Item = u32> {
    std::iter::successors(Some(1_u32), |n| Some(n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223)))
        .skip(1)
        .map(|n| n >> 8)
}

fn cart(lines: usize) -> Vec<Line> {
    numbers().take(lines).map(|n| Line { sku: n % 100_000, count: 1 + n % 3 }).collect()
}

/// Random ids, as 22 characters of base64url: the worst that a session may hold.
fn ids(count: usize) -> Vec<String> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut numbers = numbers();
    let mut letter = || numbers.next().map_or('A', |n| char::from(LETTERS[(n >> 18) as usize % 64]));
    (0..count).map(|_| (0..22).map(|_| letter()).collect()).collect()
}

async fn ours(mut shop: TypedSession<Shop>, what: Path<(String, usize)>) -> &'static str {
    shop.set_user(1_234_567);
    match what.0.as_str() {
        "cart" => shop.set_cart(cart(what.1)),
        "text" => shop.set_notes(text(what.1)),
        _ => shop.set_ids(ids(what.1)),
    }
    "filled"
}

async fn theirs(session: actix_session::Session, what: Path<(String, usize)>) -> Result<&'static str, Error> {
    session.insert("user", 1_234_567)?;
    match what.0.as_str() {
        "cart" => session.insert("cart", cart(what.1))?,
        "text" => session.insert("notes", text(what.1))?,
        _ => session.insert("ids", ids(what.1))?,
    }
    Ok("filled")
}

/// How much of `kind` fits.
async fn most<S, B>(app: &S, kind: &str) -> usize
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let (mut fits, mut over) = (0, 20_000);
    while over - fits > 1 {
        let middle = usize::midpoint(fits, over);
        let request = TestRequest::get().uri(&format!("/{kind}/{middle}")).to_request();
        let line = app.call(request).await.ok().and_then(|response| {
            let ok = response.status().is_success();
            let line = response.headers().get(SET_COOKIE).filter(|_| ok)?;
            line.to_str().ok().map(str::to_owned)
        });
        let pair = line.as_deref().and_then(|line| line.split(';').next());
        let kept = pair.is_some_and(|pair| pair.len() - 1 <= BROWSER && Cookie::parse(pair).is_ok());
        *(if kept { &mut fits } else { &mut over }) = middle;
    }
    fits
}

/// Prints the table.
pub(crate) async fn run() -> anyhow::Result<()> {
    let sessions =
        SessionMiddleware::new(SealedCookie::new("bench").without_server_logout(), Key::generate()?);
    let our_app = init_service(App::new().wrap(sessions).route("/{kind}/{count}", web::get().to(ours))).await;
    let store = actix_session::storage::CookieSessionStore::default();
    let sessions = actix_session::SessionMiddleware::new(store, TheirKey::generate());
    let their_app =
        init_service(App::new().wrap(sessions).route("/{kind}/{count}", web::get().to(theirs))).await;
    println!("{:<28} {:>8} {:>14} {:>6}", "what fits into one cookie", "sealed", "actix-session", "times");
    for (kind, what) in [("cart", "lines of a cart"), ("text", "bytes of text"), ("ids", "random ids")] {
        let (ours, theirs) = (most(&our_app, kind).await, most(&their_app, kind).await);
        println!(
            "{what:<28} {ours:>8} {theirs:>14} {:>6.2}",
            f64::from(u32::try_from(ours)?) / f64::from(u32::try_from(theirs)?)
        );
    }
    Ok(())
}
