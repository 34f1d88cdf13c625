//! The first page: the goods, the cart, the visitor, and what the session holds.

use std::time::{Duration, SystemTime};

use actix_typed_session::{Arrived, Session, record::Timestamp};
use maud::{Markup, html};

use super::{frame::page, lab};
use crate::{
    goods::{TEAS, Tea, find},
    routes::PASSWORD,
    state::{Line, MOST, Refusal, Shop},
};

/// What was read, and so cleared, to be shown on this page only.
pub(crate) struct Once {
    pub(crate) notice: Option<String>,
    pub(crate) refusal: Option<Refusal>,
    /// Whether the request before this one began the session.
    pub(crate) has_just_begun: bool,
}

pub(crate) fn home(shop: &Shop, session: &Session, once: &Once) -> Markup {
    let contents = html! {
        @if let Some(hint) = hint(session.arrival(), once.has_just_begun) { p class="hint" role="status" { (hint) } }
        section class="goods" aria-labelledby="goods" {
            h2 id="goods" { "Today’s leaves" }
            ul { @for tea in &TEAS { li { (offer(tea)) } } }
        }
        div class="side" {
            (cart(shop))
            (person(shop, once.refusal.as_ref()))
        }
        (inside(shop, session, once))
        section class="inside" aria-labelledby="lab-title" {
            h2 id="lab-title" { "What other shops lose" }
            (lab::choice())
        }
    };
    page(shop, "Tea", once.notice.as_deref(), &contents)
}

/// What the browser's cookie tells of a session that is not there.
const fn hint(arrived: Arrived, has_just_begun: bool) -> Option<&'static str> {
    match arrived {
        Arrived::Nothing if has_just_begun => Some(
            "Your browser sent no cookie back, so the shop cannot keep anything for you. Allow cookies for this page.",
        ),
        Arrived::Ended => Some(
            "Your session on this device is over: you were away for too long, or signed it out on another device.",
        ),
        Arrived::Superseded => {
            Some("This browser’s cookie was replaced by a sign-in. Sign in again if that was not you.")
        }
        _ => None,
    }
}

fn offer(tea: &Tea) -> Markup {
    let Tea { sku, name, taste, price, colour } = tea;
    html! {
        svg viewBox="0 0 64 44" aria-hidden="true" {
            path class="cup" d="M8 8h40v12c0 12-8 18-20 18S8 32 8 20z M48 12h4c9 0 9 14-2 14h-4" {}
            ellipse class="rim" cx="28" cy="9" rx="20" ry="6" {}
            ellipse cx="28" cy="10" rx="16.5" ry="4.2" fill=(colour) {}
        }
        div { h3 { (name) } p { (taste) } }
        form method="post" action="/cart/add" {
            span class="price" { (price) }
            button name="sku" value=(sku) aria-label={ "Add " (name) " to the cart" } { "Add" }
        }
    }
}

fn cart(shop: &Shop) -> Markup {
    html! {
        section class="cart" id="cart" aria-labelledby="cart-title" {
            h2 id="cart-title" { "Your cart" }
            @if shop.cart.is_empty() {
                p class="empty" { "Nothing yet." }
            } @else {
                ul {
                    @for Line { sku, quantity } in &shop.cart {
                        @if let Some(tea) = find(*sku) { li { (line(tea, *quantity)) } }
                    }
                }
                p class="total" { span { "Total" } " " strong { (shop.total()) } }
                form method="post" action="/order" { button class="wide" { "Order" } }
            }
        }
    }
}

fn line(Tea { sku, name, price, .. }: &Tea, quantity: u32) -> Markup {
    html! {
        span class="name" { (name) " " small { (price) } }
        form method="post" action="/cart/quantity" {
            input type="hidden" name="sku" value=(sku);
            input type="number" name="quantity" value=(quantity) min="0" max=(MOST) required aria-label={ "How many " (name) };
            button class="quiet" { "Change" }
            button class="quiet" name="remove" value="yes" formnovalidate aria-label={ "Remove " (name) } { "×" }
        }
    }
}

fn person(shop: &Shop, refusal: Option<&Refusal>) -> Markup {
    html! {
        section id="person" aria-labelledby="person-title" {
            @match &shop.customer {
                Some(name) => {
                    h2 id="person-title" { "Hello, " (name) }
                    p { "Signing in kept the cart and replaced the secret half of your cookie. A copy from before opens nothing." }
                    p { a href="/devices" { "Your devices" } }
                    form method="post" action="/sign-out" { button class="wide quiet" { "Sign out" } }
                },
                None => {
                    h2 id="person-title" { "Sign in" }
                    @if let Some(refusal) = refusal { p class="alarm" role="alert" { (refusal.why) } }
                    form method="post" action="/sign-in" {
                        label {
                            "Name "
                            input name="name" value=[refusal.map(|refusal| &refusal.name)] required maxlength="40" autocomplete="username";
                        }
                        label {
                            "Password "
                            input name="password" type="password" required autocomplete="off" aria-describedby="hint";
                        }
                        p id="hint" { "Any name will do. The password is " code { (PASSWORD) } "." }
                        button class="wide" { "Sign in" }
                    }
                },
            }
        }
    }
}

/// The section that shows the contents of the session.
fn inside(shop: &Shop, session: &Session, once: &Once) -> Markup {
    html! {
        section class="inside" aria-labelledby="inside-title" {
            h2 id="inside-title" { "Your session" }
            @if let (Some(id), Some(created), Some(left)) = (session.public_id(), session.created(), session.expires_in()) {
                dl {
                    div {
                        dt { "Public id" }
                        dd {
                            code { (id) } " "
                            small { "names the session in lists and logs, and cannot open it; the cookie has a secret half too" }
                        }
                    }
                    div { dt { "Began" } dd { (span(since(created))) " ago" } }
                    div { dt { "Expires in" } dd { (span(left)) " " small { "if you do not come back" } } }
                }
                table {
                    caption { "Its fields, as JSON" }
                    tbody {
                        @for (field, value) in fields(shop, once) {
                            tr { th scope="row" { code { "shop." (field) } } td { code { (value) } } }
                        }
                    }
                }
            } @else {
                p { "There is none yet: looking around stores nothing and sets no cookie. Add a tea to begin one." }
            }
        }
    }
}

/// Every field with its value.
fn fields(shop: &Shop, once: &Once) -> [(&'static str, String); 6] {
    // The pattern has no `..`, so the compiler reports it if a field is added to the state and not shown here.
    let Shop { customer, cart, theme, orders, notice: _, refusal: _ } = shop;
    let shown_once = |value: String| {
        if value == "null" { value } else { format!("{value} → null, now that it was shown") }
    };
    [
        ("customer", json(customer)),
        ("cart", json(cart)),
        ("theme", json(theme)),
        ("orders", json(orders)),
        ("notice", shown_once(json(&once.notice))),
        ("refusal", shown_once(json(&once.refusal))),
    ]
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| error.to_string())
}

pub(super) fn since(time: Timestamp) -> Duration {
    Timestamp::from(SystemTime::now()).since(time)
}

/// Formats a duration for people, such as `5 min`.
pub(super) fn span(duration: Duration) -> String {
    let seconds = (duration + Duration::from_millis(500)).as_secs();
    match (seconds, seconds / 60, seconds / 3600) {
        (_, 0, _) => format!("{seconds} s"),
        (_, minutes, 0) => format!("{minutes} min"),
        (_, minutes, hours) => format!("{hours} h {} min", minutes % 60),
    }
}
