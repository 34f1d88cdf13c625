//! The page "Your devices".

use actix_typed_session::SessionInfo;
use maud::{Markup, html};

use super::{
    frame::page,
    home::{since, span},
};
use crate::state::Shop;

pub(crate) fn devices(shop: &Shop, sessions: &[SessionInfo], notice: Option<&str>) -> Markup {
    let contents = html! {
        section class="devices" aria-labelledby="devices-title" {
            h2 id="devices-title" { "Your devices" }
            @if sessions.is_empty() {
                p class="empty" {
                    "Nobody is signed in. " a href="/#person" { "Sign in" } " here and in another browser to see both in this list."
                }
            } @else {
                ul { @for session in sessions { li { (device(session)) } } }
            }
            @if sessions.len() > 1 {
                form method="post" action="/devices/end-others" { button class="quiet" { "Sign out the others" } }
                form method="post" action="/devices/end-all" { button class="quiet" { "Sign out everywhere" } }
            }
            p { a href="/" { "Back to the shop" } }
        }
    };
    page(shop, "Your devices", notice, &contents)
}

fn device(session: &SessionInfo) -> Markup {
    let label = session.label.as_deref().unwrap_or("An unknown browser");
    html! {
        span {
            span class="name" { (label) } " "
            small {
                "signed in " (span(since(session.authenticated.unwrap_or(session.created)))) " ago, seen "
                (span(since(session.last_seen))) " ago"
            }
        }
        @if session.is_current {
            strong { "This browser" }
        } @else {
            form method="post" action="/devices/end" {
                button class="quiet" name="id" value=(session.public_id) aria-label={ "Sign out " (label) } { "Sign out" }
            }
        }
    }
}
