//! Release 2: adds `locale`, removes `theme`, and renames `nick` to `display_name` in the source.

mod server;

use actix_typed_session::{SessionState, TypedSession};
use actix_web::{HttpResponse, Responder, delete, get, post, put, web};
use serde::Serialize;

#[derive(SessionState, Serialize)]
#[session(name = "shop", version = 2, removed(key = "theme", from = String, since = 2))]
#[session(lock = off)] // four releases in one package cannot share the lock file that a project has
struct Shop {
    #[session(principal)]
    user_id: Option<u64>,
    #[session(key = "nick")]
    display_name: Option<String>,
    name: Option<String>,
    #[session(since = 2, default = "en".to_owned())]
    locale: String,
    #[session(default)]
    cart: Vec<u32>,
}

#[get("/")]
async fn index(shop: TypedSession<Shop>) -> impl Responder {
    HttpResponse::Ok().json(&*shop)
}

#[post("/sign-in/{user_id}")]
async fn sign_in(mut shop: TypedSession<Shop>, user_id: web::Path<u64>) -> impl Responder {
    shop.set_user_id(user_id.into_inner());
    "welcome\n"
}

#[put("/nick")]
async fn set_nick(mut shop: TypedSession<Shop>, nick: String) -> impl Responder {
    shop.set_display_name(nick);
    "saved\n"
}

#[put("/name")]
async fn set_name(mut shop: TypedSession<Shop>, name: String) -> impl Responder {
    shop.set_name(name);
    "saved\n"
}

#[put("/locale")]
async fn set_locale(mut shop: TypedSession<Shop>, locale: String) -> impl Responder {
    shop.set_locale(locale);
    "saved\n"
}

#[post("/cart/{sku}")]
async fn add(mut shop: TypedSession<Shop>, sku: web::Path<u32>) -> impl Responder {
    let sku = sku.into_inner();
    shop.update_cart(move |cart| cart.push(sku));
    "saved\n"
}

#[delete("/cart/{sku}")]
async fn remove(mut shop: TypedSession<Shop>, sku: web::Path<u32>) -> impl Responder {
    let sku = sku.into_inner();
    shop.update_cart(move |cart| cart.retain(|held| *held != sku));
    "saved\n"
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    server::run(|app| {
        app.service((index, sign_in, set_nick, set_name, set_locale, add, remove));
    })
    .await
}
