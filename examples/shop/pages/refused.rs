//! What a visitor is told whose request was refused.
//!
//! In: what was asked, and the status of the answer. Out: a page that says what holds now. Never: why the store failed.

use actix_web::http::{Method, StatusCode};
use maud::{Markup, html};

use super::frame::plain;

/// What a request asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    ToSee,
    ToChange,
    /// The end of this session or of another one of the user.
    ToSignOut,
    /// A page for staff.
    ForStaff,
}

impl Asked {
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        if path.starts_with("/admin") {
            Self::ForStaff
        } else if path == "/sign-out" || path.starts_with("/devices/end") {
            Self::ToSignOut
        } else if method.is_safe() {
            Self::ToSee
        } else {
            Self::ToChange
        }
    }
}

/// The page for an answer of this status, unless it is none that the session or a guard gives. `can_be_repeated` is whether the answer names a
/// time to try again, as that of the session does if nothing was stored.
pub(crate) fn refused(asked: Asked, status: StatusCode, can_be_repeated: bool) -> Option<Markup> {
    let (title, text) = match (status, asked) {
        (StatusCode::SERVICE_UNAVAILABLE, Asked::ToSignOut) => (
            "You are not signed out yet",
            "The sign-out is not confirmed yet: the store of the sessions does not answer. Go back and press the button again in a moment.",
        ),
        (StatusCode::SERVICE_UNAVAILABLE, Asked::ToChange) if !can_be_repeated => (
            "This is not confirmed yet",
            "The store of the sessions did not say whether it has stored what you sent. Look at the shop before you send it again.",
        ),
        (StatusCode::SERVICE_UNAVAILABLE, Asked::ToChange) => (
            "This was not stored",
            "The store of the sessions does not answer. Nothing has changed; go back and send it again in a moment.",
        ),
        (StatusCode::SERVICE_UNAVAILABLE, _) => (
            "Your session cannot be read",
            "The store of the sessions does not answer. You are not signed out, and your cart is not empty: reload this page in a moment.",
        ),
        (StatusCode::CONFLICT, _) => (
            "This page is out of date",
            "You have signed in or out in another tab since. What you sent belonged to the session before that, and was not stored.",
        ),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Asked::ForStaff) => {
            ("For staff only", "Sign in as “Staff” to see this page.")
        }
        (StatusCode::FORBIDDEN, _) => {
            ("This came from another site", "The page of another site sent this form. Nothing has changed.")
        }
        _ => return None,
    };
    Some(plain(title, &html! { p { (text) } p { a href="/" { "Go to the shop" } } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_what_holds() {
        let page = |method, path, status, can_be_repeated| {
            let page = refused(Asked::of(&method, path), status, can_be_repeated);
            page.map(Markup::into_string).unwrap_or_default()
        };
        let (get, post) = (Method::GET, Method::POST);
        for (method, path, status, can_be_repeated, title) in [
            (&get, "/", 503, true, "Your session cannot be read"),
            (&post, "/cart/add", 503, true, "This was not stored"),
            (&post, "/order", 503, false, "This is not confirmed yet"),
            (&post, "/sign-out", 503, true, "You are not signed out yet"),
            (&post, "/devices/end-all", 503, false, "You are not signed out yet"),
            (&post, "/cart/add", 409, false, "This page is out of date"),
            (&post, "/cart/add", 403, false, "This came from another site"),
            (&get, "/admin/", 401, false, "For staff only"),
        ] {
            let status = StatusCode::from_u16(status).unwrap_or_default();
            let page = page(method.clone(), path, status, can_be_repeated);
            assert!(page.contains(&format!("<h2>{title}</h2>")), "{method} {path} {status}: {page}");
        }
        assert_eq!(page(get, "/none", StatusCode::NOT_FOUND, false), "");
    }
}
