//! What each address does. Every form is answered with a redirect, so that reloading a page never repeats it.

use actix_typed_session::{Error, Session, TypedSession, id::PublicId};
use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, LOCATION,
            ORIGIN, USER_AGENT, X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::Next,
    web,
};
use serde::Deserialize;

use crate::{
    goods, pages,
    state::{self, Shop},
};

/// On the page for everybody to see: this is a demonstration.
pub(crate) const PASSWORD: &str = "oolong";

/// Longer names than this are no names.
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
        .default_service(web::to(missing));
}

async fn index(mut shop: TypedSession<Shop>) -> impl Responder {
    let notice = shop.take_notice(); // shown once
    html(pages::shop(&shop, &shop.session(), notice.as_deref()))
}

/// Does not name the session, so it costs none: no store call, also when the browser sends the cookie.
async fn style() -> impl Responder {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(pages::STYLE)
}

#[derive(Deserialize)]
struct Add {
    sku: u32,
}

async fn add(mut shop: TypedSession<Shop>, form: web::Form<Add>) -> impl Responder {
    let Some(tea) = goods::find(form.sku) else { return missing().await };
    // A closure, not a set: two clicks at once are two cups.
    shop.update_cart(|cart| state::add(cart, tea.sku));
    shop.set_notice(format!("{} is in your cart.", tea.name));
    home()
}

#[derive(Deserialize)]
struct HowMany {
    sku: u32,
    quantity: u32,
    /// Which button it was.
    remove: Option<String>,
}

async fn quantity(mut shop: TypedSession<Shop>, form: web::Form<HowMany>) -> impl Responder {
    let HowMany { sku, quantity, remove } = form.into_inner();
    let quantity = if remove.is_some() { 0 } else { quantity };
    shop.update_cart(move |cart| state::set_quantity(cart, sku, quantity));
    home()
}

/// What is ordered must be paid for once and as it is stored, so this waits for the store: `try_update` commits, and returns
/// what the closure returned on the data that was stored.
async fn order(mut shop: TypedSession<Shop>) -> Result<impl Responder, Error> {
    if shop.customer().is_none() {
        shop.set_notice("Sign in before you order.");
        return Ok(home());
    }
    if let Some(total) = shop.try_update(Shop::order).await? {
        shop.set_notice(format!(
            "Thank you! Tea for {total} is on its way. (It is not: this is a demonstration.)"
        ));
    }
    Ok(home())
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
        shop.set_notice(format!("That is not the password; it is “{PASSWORD}”."));
    } else if name.is_empty() || name.chars().count() > LONGEST_NAME {
        shop.set_notice("Please give a name of at most 40 letters.");
    } else {
        // The id is renewed by itself: a cookie that somebody else knew before is dead now. The cart is kept.
        shop.set_customer(name);
        shop.set_notice(format!("Welcome, {name}."));
        // What the list of devices calls this one.
        let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        shop.session().set_label(agent.unwrap_or_default());
    }
    home()
}

async fn sign_out(mut shop: TypedSession<Shop>) -> impl Responder {
    let theme = *shop.theme();
    shop.session().purge();
    // What is set after a purge begins a new session, with nothing of the old one but this.
    shop.set_theme(theme);
    shop.set_notice("You are signed out. The old session is gone for good.");
    home()
}

/// Every session of who is signed in, on whatever device. The list opens none of them.
async fn devices(mut shop: TypedSession<Shop>) -> Result<impl Responder, Error> {
    let notice = shop.take_notice();
    let sessions = shop.session().sessions().await?;
    Ok(html(pages::devices(&shop, &sessions, notice.as_deref())))
}

#[derive(Deserialize)]
struct EndDevice {
    id: String,
}

/// Somebody else's session, or one that has ended already, is left as it is: a page may be old.
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
    // This session is gone with them; the notice begins a new one.
    shop.set_notice(format!("You are signed out everywhere, on {}.", devices_in_words(ended, "device")));
    Ok(home())
}

fn devices_in_words(count: u64, device: &str) -> String {
    format!("{count} {device}{}", if count == 1 { "" } else { "s" })
}

async fn theme(mut shop: TypedSession<Shop>) -> impl Responder {
    shop.set_theme(shop.theme().other());
    home()
}

async fn missing() -> HttpResponse {
    HttpResponse::NotFound().content_type("text/html; charset=utf-8").body(pages::missing())
}

fn html(page: String) -> HttpResponse {
    // What a signed-in visitor saw is not shown again by the browser's "back" after they left.
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(page)
}

fn home() -> HttpResponse {
    to("/")
}

fn to(page: &'static str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, page)).finish()
}

/// Refuses forms that another site made a visitor's browser send (CSRF).
///
/// The cookie is `SameSite=Lax`, so browsers leave it out of another *site's* forms. Two gaps remain: a sibling host such as
/// `blog.example.org` is the same site as `shop.example.org`, and an old browser may not know the attribute. So the shop also
/// asks where the form came from. Every browser in use says so, in `Sec-Fetch-Site` or in `Origin`, and no page can change these
/// headers; a client that sends neither is no browser, and carries no visitor's cookie. That needs no token in each form.
pub(crate) async fn refuse_other_sites(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if changes && !is_from_here(request.headers()) {
        let refused = HttpResponse::Forbidden().body("This form came from another site.\n");
        return Ok(request.into_response(refused).map_into_right_body());
    }
    next.call(request).await.map(ServiceResponse::map_into_left_body)
}

fn is_from_here(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, host)| headers.get(HOST).is_some_and(|ours| ours == host))
}

/// For every page: only what this server sends is loaded, and no page of another site shows it in a frame.
pub(crate) async fn headers(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                          base-uri 'none'; frame-ancestors 'none'";
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    if headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    Ok(response)
}
