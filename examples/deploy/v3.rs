//! Release 3: adds a quantity to each line of the cart, and splits the name in two.

mod server;

use std::collections::HashMap;

use actix_typed_session::{SessionState, TypedSession};
use actix_web::{HttpResponse, Responder, delete, get, post, put, web};
use serde::{Deserialize, Serialize};

#[derive(SessionState, Serialize)]
#[session(name = "shop", version = 3, removed(key = "theme", from = String, since = 2))]
#[session(step(since = 3, from(name: Option<String>), to(first, last), up = split, down = join))]
#[session(lock = off)] // four releases in one package cannot share the lock file that a project has
struct Shop {
    #[session(principal)]
    user_id: Option<u64>,
    #[session(key = "nick")]
    display_name: Option<String>,
    #[session(since = 2, default = "en".to_owned())]
    locale: String,
    #[session(since = 3)]
    first: Option<String>,
    #[session(since = 3)]
    last: Option<String>,
    #[session(default, changed(since = 3, from = Vec<u32>, up = to_lines, down = to_skus, merge = keep_quantities))]
    cart: Vec<Line>,
}

#[derive(Serialize, Deserialize, Clone)]
struct Line {
    sku: u32,
    quantity: u32,
}

/// Reads the cart of an older session.
fn to_lines(skus: Vec<u32>) -> Vec<Line> {
    skus.into_iter().map(|sku| Line { sku, quantity: 1 }).collect()
}

/// Writes the cart for the release before.
fn to_skus(lines: Vec<Line>) -> Vec<u32> {
    lines.into_iter().map(|line| line.sku).collect()
}

/// Takes over an edit by the release before, and keeps the quantities, which it cannot express.
fn keep_quantities(skus: Vec<u32>, before: Vec<Line>) -> Vec<Line> {
    let known: HashMap<u32, u32> = before.into_iter().map(|line| (line.sku, line.quantity)).collect();
    skus.into_iter().map(|sku| Line { sku, quantity: known.get(&sku).copied().unwrap_or(1) }).collect()
}

fn split(name: Option<String>) -> (Option<String>, Option<String>) {
    let Some(name) = name else { return (None, None) };
    match name.split_once(' ') {
        Some((first, last)) => (Some(first.to_owned()), Some(last.to_owned())),
        None => (Some(name), None),
    }
}

fn join((first, last): (Option<String>, Option<String>)) -> Option<String> {
    match (first, last) {
        (Some(first), Some(last)) => Some(format!("{first} {last}")),
        (first, last) => first.or(last),
    }
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

#[put("/first")]
async fn set_first(mut shop: TypedSession<Shop>, first: String) -> impl Responder {
    shop.set_first(first);
    "saved\n"
}

#[put("/last")]
async fn set_last(mut shop: TypedSession<Shop>, last: String) -> impl Responder {
    shop.set_last(last);
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
    shop.update_cart(move |cart| cart.push(Line { sku, quantity: 1 }));
    "saved\n"
}

#[put("/cart/{sku}/{quantity}")]
async fn set_quantity(mut shop: TypedSession<Shop>, path: web::Path<(u32, u32)>) -> impl Responder {
    let (sku, quantity) = path.into_inner();
    shop.update_cart(move |cart| {
        cart.iter_mut().filter(|line| line.sku == sku).for_each(|line| line.quantity = quantity);
    });
    "saved\n"
}

#[delete("/cart/{sku}")]
async fn remove(mut shop: TypedSession<Shop>, sku: web::Path<u32>) -> impl Responder {
    let sku = sku.into_inner();
    shop.update_cart(move |cart| cart.retain(|line| line.sku != sku));
    "saved\n"
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    server::run(|app| {
        app.service((index, sign_in, set_nick, set_first, set_last, set_locale, add, set_quantity, remove));
    })
    .await
}
