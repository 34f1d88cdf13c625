//! Takes the token of a session's pages back: from a field of a form, or from a header.
//!
//! In: a request. Out: the form without doubt about who sent it, or an error. Never: how a token is made.

use std::{future::Future, ops, pin::Pin};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::HeaderName,
    web::{Bytes, Form},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::extract::{ExtractSession, all_sessions, refused};
use crate::{
    error::{Error, ErrorKind},
    handle::session::Session,
};

pub(crate) static X_CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

/// A form with the token of [`Session::csrf_token`] in its field `csrf_token`, in place of [`web::Form`](actix_web::web::Form).
///
/// A request without the token, or with one from before a sign-in or a renewal, is answered with 403
/// ([`ErrorKind::CsrfToken`]). The header `X-CSRF-Token` is accepted in place of the field. A visitor who has no session has no token and
/// needs none: there is nothing that another site could use.
///
/// The token is a second line of defence. The first, which needs no code, is that requests of other sites are refused by where they come
/// from; see [`trusted_origin`](crate::SessionMiddlewareBuilder::trusted_origin). Use the token too where a form does much, with
/// [`SameSite::None`](crate::SameSite::None), and for browsers from before 2020. OWASP ASVS 5.0 3.5.1.
///
/// Where several session middlewares wrap the route, each session that the request brings asks for its own token: the field or the header
/// has all of them, with a space in between.
///
/// `T` has the other fields, and is `()` for a button that sends nothing else. A [`FormConfig`](actix_web::web::FormConfig) counts as for
/// `web::Form`. The book has [a whole page](crate::guide::signing_in#forms).
///
/// ```
/// use actix_typed_session::{CsrfForm, Error, Session};
/// use actix_web::HttpResponse;
///
/// #[derive(serde::Deserialize)]
/// struct Transfer {
///     to: u64,
///     cents: u64,
/// }
///
/// async fn page(session: Session) -> Result<HttpResponse, Error> {
///     let token = session.csrf_token().await?.unwrap_or_default();
///     Ok(HttpResponse::Ok().content_type("text/html").body(format!(
///         r#"<form method="post"><input type="hidden" name="csrf_token" value="{token}">..</form>"#
///     )))
/// }
///
/// async fn transfer(form: CsrfForm<Transfer>) -> String {
///     format!("{} cents to {}", form.cents, form.to)
/// }
///
/// async fn sign_out(session: Session, _: CsrfForm<()>) -> &'static str {
///     session.purge();
///     "bye"
/// }
/// # let _ = (page, transfer, sign_out);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CsrfForm<T>(pub T);

impl<T> CsrfForm<T> {
    /// The form itself.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> ops::Deref for CsrfForm<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for CsrfForm<T> {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, actix_web::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        #[derive(Deserialize)]
        struct Token {
            csrf_token: Option<String>,
        }
        let (sessions, body) = (all_sessions(request), Bytes::from_request(request, payload));
        let request = request.clone();
        Box::pin(async move {
            let body = body.await?;
            let token = match of_header(&request) {
                Some(token) => Some(token.to_owned()),
                None => {
                    Form::<Token>::from_request(&request, &mut body.clone().into())
                        .await?
                        .into_inner()
                        .csrf_token
                }
            };
            check(sessions, token.as_deref().unwrap_or_default()).await?;
            Ok(Self(Form::<T>::from_request(&request, &mut without_token(&body).into()).await?.into_inner()))
        })
    }
}

/// Proof that the request has the token of [`Session::csrf_token`] in the header `X-CSRF-Token`, for scripts of a page that send JSON.
/// See [`CsrfForm`] for when to use tokens.
///
/// ```
/// use actix_typed_session::CsrfHeader;
/// use actix_web::web;
///
/// async fn rename(_: CsrfHeader, name: web::Json<String>) -> String {
///     name.into_inner()
/// }
/// # let _ = rename;
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CsrfHeader;

impl FromRequest for CsrfHeader {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let (sessions, request) = (all_sessions(request), request.clone());
        Box::pin(async move {
            check(sessions, of_header(&request).unwrap_or_default()).await?;
            Ok(Self)
        })
    }
}

/// The other fields of the form, so that a `T` need not know of the token: a form that has no more is `()`.
fn without_token(body: &[u8]) -> Bytes {
    let fields = body.split(|byte| *byte == b'&').filter(|field| !field.starts_with(b"csrf_token="));
    fields.collect::<Vec<_>>().join(&b'&').into()
}

fn of_header(request: &HttpRequest) -> Option<&str> {
    request.headers().get(&X_CSRF_TOKEN).map(|value| value.to_str().unwrap_or_default())
}

/// Fails unless a token of each session that the request brings is among `tokens`.
async fn check(sessions: Vec<ExtractSession>, tokens: &str) -> Result<(), Error> {
    for session in sessions {
        session.await?.check_csrf_token(tokens)?;
    }
    Ok(())
}

impl Session {
    /// Fails unless `token` is one of the session's, for requests whose token is neither in a form nor in a header, such as `multipart`
    /// uploads; otherwise use [`CsrfForm`] or [`CsrfHeader`]. `token` may be several, with a space in between. Where several session
    /// middlewares wrap the route, ask each of the sessions.
    ///
    /// # Errors
    /// [`ErrorKind::CsrfToken`], which answers the request unless it is acknowledged.
    pub fn check_csrf_token(&self, token: &str) -> Result<(), Error> {
        if token.split(' ').any(|token| self.visit().accepts_csrf_token(token)) {
            return Ok(());
        }
        Err(refused(self.visit(), &Error::new(ErrorKind::CsrfToken)))
    }
}
