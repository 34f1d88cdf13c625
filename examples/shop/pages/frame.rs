//! What the pages have in common.

use maud::{DOCTYPE, Markup, html};

use crate::state::{Shop, Theme};

pub(crate) const STYLE: &str = include_str!("../style.css");

/// A page of a visitor: `title` and the contents of `<main>`.
pub(super) fn page(shop: &Shop, title: &str, notice: Option<&str>, contents: &Markup) -> Markup {
    let body = html! {
        header {
            h1 { a href="/" { (leaf()) "Leaf & Line" } }
            nav aria-label="Shop" {
                @match &shop.customer {
                    Some(name) => a href="/#person" class="who" { (name) },
                    None => a href="/#person" { "Sign in" },
                }
                a href="/#cart" { "Cart " span class="count" { (shop.count()) } }
                form method="post" action="/theme" {
                    button class="quiet" { @if shop.theme == Theme::Light { "Dark" } @else { "Light" } " theme" }
                }
            }
        }
        main {
            @if let Some(notice) = notice { p class="notice" role="status" { (notice) } }
            (contents)
        }
    };
    document(Some(shop.theme), title, &body)
}

/// A page that does not take the session, and so knows neither the visitor nor the theme.
pub(super) fn plain(title: &str, contents: &Markup) -> Markup {
    let body = html! {
        header { h1 { a href="/" { (leaf()) "Leaf & Line" } } }
        main class="plain" {
            h2 { (title) }
            (contents)
        }
    };
    document(None, title, &body)
}

pub(crate) fn missing() -> Markup {
    plain("There is no such page", &html! { p { a href="/" { "Go to the shop" } } })
}

/// Without a theme, the page is as the browser asks.
fn document(theme: Option<Theme>, title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[theme] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Leaf & Line" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/style.css";
            }
            body { (body) }
        }
    }
}

fn leaf() -> Markup {
    html! {
        svg viewBox="0 0 24 24" aria-hidden="true" {
            path d="M4 20C4 9 11 4 21 3c0 10-5 17-15 16m-2 2c2-6 6-9 10-11" {}
        }
    }
}
