//! Who is signed in, as a state says it, and the error that nobody is.
//!
//! In: a state, the session. Out: the value of the principal field, or [`NotSignedIn`]. Never: how the browser is told.

use std::{fmt, sync::Arc, time::Duration};

use super::{session::Session, state::SessionState};

/// A state with a principal field. The derive implements it if the field holds a number or a text, or is as
/// visible as the struct.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not tell who is signed in",
    label = "no principal field, or one of a type that may be less visible than the struct",
    note = "mark the field that says who is signed in with `#[session(principal)]`; unless it is a number or a text, give it the visibility of the struct"
)]
pub trait HasPrincipal: SessionState {
    /// The type of the principal field without its `Option`.
    type Principal;

    /// The value of the principal field.
    fn principal(&self) -> Option<&Self::Principal>;
}

/// The error that nobody is signed in, or that the user who is must prove again who they are.
///
/// It is answered with 401, or with a redirect if the builder has a
/// [`sign_in_page`](crate::SessionMiddlewareBuilder::sign_in_page). What the request did to its session is stored all the same, such as a
/// message for that page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotSignedIn {
    is_stale: bool,
    page: Option<Arc<str>>,
}

impl fmt::Display for NotSignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_stale {
            "the user signed in too long ago for this; ask for the password again"
        } else {
            "nobody is signed in"
        })
    }
}

impl std::error::Error for NotSignedIn {}

impl NotSignedIn {
    /// Whether somebody is signed in, and did so too long ago.
    #[must_use]
    pub const fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Where a browser is sent to sign in.
    pub(crate) fn page(&self) -> Option<&str> {
        self.page.as_deref()
    }
}

impl Session {
    pub(crate) fn not_signed_in(&self) -> NotSignedIn {
        let (is_stale, page) = (self.principal().is_some(), self.visit().shared().sign_in_page.clone());
        NotSignedIn { is_stale, page }
    }

    /// Fails unless the user authenticated within the last `within`. Call it before acts for which a session that was left open is
    /// not enough, such as a change of the password or of the address (OWASP ASVS 5.0 7.5.1, 7.5.3).
    ///
    /// ```
    /// use std::time::Duration;
    /// use actix_typed_session::{NotSignedIn, Session};
    ///
    /// async fn change_password(session: Session) -> Result<&'static str, NotSignedIn> {
    ///     session.signed_in_within(Duration::from_secs(5 * 60))?;
    ///     Ok("changed")
    /// }
    /// # let _ = change_password;
    /// ```
    ///
    /// # Errors
    /// [`NotSignedIn`], which tells the two cases apart by [`is_stale`](NotSignedIn::is_stale).
    pub fn signed_in_within(&self, within: Duration) -> Result<(), NotSignedIn> {
        if self.authenticated_within(within) { Ok(()) } else { Err(self.not_signed_in()) }
    }
}
