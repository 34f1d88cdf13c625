//! The handlers of the shop. Every form is answered with a redirect, so that reloading a page never sends a form again. The session's
//! middleware refuses forms that other sites send, so they need no token.
//!
//! In: requests, with the session as `TypedSession<Shop>`. Out: pages and redirects. Never: trusts a price or a name from a form.

use actix_typed_session::{
    Arrived, Error, Session, SignedIn, TypedSession,
    admin::{self, AdminScope, EventsPerMinute},
    id::PublicId,
    store::AnyStore,
};
use actix_web::{
    FromRequest, HttpRequest, HttpResponse, Responder,
    error::ErrorForbidden,
    http::header::{CACHE_CONTROL, LOCATION, USER_AGENT},
    web,
};
use maud::Markup;
use serde::Deserialize;

use crate::{
    device, goods,
    lab::Experiment,
    pages::{self, Once},
    state::{self, Refusal, Shop},
};

#[cfg(test)]
mod tests;

/// The password of every account. The page shows it, because this is a demonstration.
pub(crate) const PASSWORD: &str = "oolong";

/// The maximum length of a name in characters.
const LONGEST_NAME: usize = 40;

pub(crate) fn all(config: &mut web::ServiceConfig) {
    config
        .route("/", web::get().to(index))
        .route("/style.css", web::get().to(style))
        .route("/cart/add", web::post().to(add))
        .route("/cart/quantity", web::post().to(quantity))
        .route("/order", web::post().to(order))
        .route("/sign-in", web::post().to(sign_in))
        .route("/sign-out", web::post().to(sign_out))
        .route("/devices", web::get().to(devices))
        .route("/devices/end", web::post().to(end_device))
        .route("/devices/end-others", web::post().to(end_others))
        .route("/devices/end-all", web::post().to(end_all))
        .route("/theme", web::post().to(theme))
        .route("/lab", web::get().to(lab))
        .default_service(web::to(missing));
}

/// The customer who is let in to `/admin`. Everybody can have this name, because this is a demonstration.
const STAFF: &str = "Staff";

/// The pages for a support team.
pub(crate) fn support(store: AnyStore, events: EventsPerMinute) -> AdminScope {
    admin::scope("/admin", store, staff).allow_ending().events(events)
}

async fn staff(request: HttpRequest) -> Result<(), actix_web::Error> {
    let SignedIn(name) = SignedIn::<Shop>::extract(&request).await?;
    if name == STAFF { Ok(()) } else { Err(ErrorForbidden("for staff")) }
}

/// What the address of the first page says after a request that began the session. A browser that then sends no cookie keeps none.
const BEGAN: &str = "began";

async fn index(mut shop: TypedSession<Shop>, request: HttpRequest) -> impl Responder {
    let once = Once {
        notice: shop.take_notice(), // reads and clears it, so it is shown once
        refusal: shop.take_refusal(),
        has_just_begun: request.query_string() == BEGAN,
    };
    html(pages::home(&shop, &shop.session(), &once))
}

/// Does not take the session, so it makes no store call, even if the browser sends the cookie.
async fn style() -> impl Responder {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(pages::STYLE)
}

#[derive(Deserialize)]
struct Add {
    sku: u32,
}

async fn add(mut shop: TypedSession<Shop>, form: web::Form<Add>) -> impl Responder {
    let Some(tea) = goods::find(form.sku) else { return missing().await };
    // A closure instead of a setter: two clicks at the same time add two cups.
    shop.update_cart(|cart| state::add(cart, tea.sku));
    shop.set_notice(format!("{} is in your cart.", tea.name));
    home(&shop)
}

#[derive(Deserialize)]
struct HowMany {
    sku: u32,
    quantity: u32,
    /// Present if the visitor used the "remove" button.
    remove: Option<String>,
}

async fn quantity(mut shop: TypedSession<Shop>, form: web::Form<HowMany>) -> impl Responder {
    let HowMany { sku, quantity, remove } = form.into_inner();
    let quantity = if remove.is_some() { 0 } else { quantity };
    shop.update_cart(move |cart| state::set_quantity(cart, sku, quantity));
    home(&shop)
}

/// Orders the contents of the cart.
///
/// An order must be placed exactly once, and for the cart that is stored. `try_update` therefore commits now, and returns the closure's
/// result for the stored data.
async fn order(mut shop: TypedSession<Shop>) -> Result<impl Responder, Error> {
    if shop.customer().is_none() {
        return Ok(sign_in_again(&mut shop, "Sign in before you order.", ""));
    }
    if let Some(total) = shop.try_update(Shop::order).await? {
        shop.set_notice(format!(
            "Thank you! Tea for {total} is on its way. (Not really: this is a demonstration.)"
        ));
    }
    Ok(home(&shop))
}

#[derive(Deserialize)]
struct SignIn {
    name: String,
    password: String,
}

async fn sign_in(
    mut shop: TypedSession<Shop>,
    form: web::Form<SignIn>,
    request: HttpRequest,
) -> impl Responder {
    let name = form.name.trim();
    if form.password != PASSWORD {
        let why = format!("That is not the password; it is “{PASSWORD}”.");
        return sign_in_again(&mut shop, why, name);
    }
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return sign_in_again(&mut shop, "Please give a name of at most 40 letters.", name);
    }
    // Setting the principal renews the id, so a cookie that was stolen before the sign-in is worthless now. The cart is kept.
    shop.set_customer(name);
    shop.set_notice(format!("Welcome, {name}."));
    // The name of this browser in the list of devices.
    let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    shop.session().set_label(&device::name(agent.unwrap_or_default()));
    home(&shop)
}

/// Shows the form again, with the reason and the name that was typed.
fn sign_in_again(shop: &mut TypedSession<Shop>, why: impl Into<String>, name: &str) -> HttpResponse {
    let name = name.chars().take(LONGEST_NAME).collect();
    shop.set_refusal(Refusal { why: why.into(), name });
    begun(shop, "#person")
}

async fn sign_out(mut shop: TypedSession<Shop>) -> impl Responder {
    let theme = *shop.theme();
    shop.session().purge();
    // Fields set after a purge begin a new session, which has nothing else of the old one.
    shop.set_theme(theme);
    shop.set_notice("You are signed out. The old session is gone for good.");
    home(&shop)
}

/// Lists every session of the user who is signed in, on all devices. Nothing in the list can open a session.
async fn devices(mut shop: TypedSession<Shop>) -> Result<impl Responder, Error> {
    let notice = shop.take_notice();
    let sessions = shop.session().sessions().await?;
    Ok(html(pages::devices(&shop, &sessions, notice.as_deref())))
}

#[derive(Deserialize)]
struct EndDevice {
    id: String,
}

/// Signs out one device. `revoke` ignores a session of another user, or one that has already ended, as on a page that is out of date.
async fn end_device(session: Session, form: web::Form<EndDevice>) -> Result<impl Responder, Error> {
    if let Ok(id) = form.id.parse::<PublicId>() {
        session.revoke(id).await?;
    }
    Ok(to("/devices"))
}

async fn end_others(mut shop: TypedSession<Shop>) -> Result<impl Responder, Error> {
    let ended = shop.session().revoke_others().await?;
    shop.set_notice(format!("Signed out on {}.", devices_in_words(ended, "other device")));
    Ok(to("/devices"))
}

async fn end_all(mut shop: TypedSession<Shop>) -> Result<impl Responder, Error> {
    let ended = shop.session().revoke_all().await?;
    // This session has ended too, so the notice begins a new one.
    shop.set_notice(format!("You are signed out everywhere, on {}.", devices_in_words(ended, "device")));
    Ok(home(&shop))
}

fn devices_in_words(count: u64, device: &str) -> String {
    format!("{count} {device}{}", if count == 1 { "" } else { "s" })
}

async fn theme(mut shop: TypedSession<Shop>) -> impl Responder {
    shop.set_theme(shop.theme().other());
    home(&shop)
}

#[derive(Deserialize)]
struct Lab {
    r#try: Experiment,
}

async fn lab(
    shop: TypedSession<Shop>,
    store: web::Data<AnyStore>,
    query: web::Query<Lab>,
) -> Result<impl Responder, actix_web::Error> {
    let experiment = query.r#try;
    let findings = experiment.run(&store).await?;
    Ok(html(pages::lab(&shop, experiment, &findings)))
}

async fn missing() -> HttpResponse {
    HttpResponse::NotFound().content_type("text/html; charset=utf-8").body(pages::missing().into_string())
}

fn html(page: Markup) -> HttpResponse {
    // After a sign-out, the browser's "back" button must not show the page again.
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(page.into_string())
}

fn home(shop: &TypedSession<Shop>) -> HttpResponse {
    begun(shop, "")
}

/// The first page at `place`, after a request that may have begun the session.
fn begun(shop: &TypedSession<Shop>, place: &str) -> HttpResponse {
    let is_new = shop.session().arrival() == Arrived::Nothing;
    to(if is_new { format!("/?{BEGAN}{place}") } else { format!("/{place}") })
}

fn to(page: impl AsRef<str>) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, page.as_ref())).finish()
}
