//! Handlers and routes for users who are signed in.
//!
//! In: a request. Out: who is signed in, or the answer that nobody is. Never: how somebody signs in.

use std::{future::Future, ops, pin::Pin};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, ResponseError,
    dev::Payload,
    guard::GuardContext,
    http::{StatusCode, header::LOCATION},
};

use super::{
    extract::session_of,
    loaded::{is_signed_in, is_signed_in_to},
};
use crate::handle::principal::{HasPrincipal, NotSignedIn};

/// Who is signed in: the value of the principal field of `T`. A handler that takes it is not called for anybody else.
///
/// If nobody is signed in, the answer is 401, or a redirect to the builder's
/// [`sign_in_page`](crate::SessionMiddlewareBuilder::sign_in_page); see [`NotSignedIn`]. A page for both takes
/// `Option<SignedIn<T>>`, which is an error only if the session cannot be read.
///
/// ```
/// use actix_typed_session::{SessionState, SignedIn, TypedSession};
///
/// #[derive(SessionState)]
/// #[session(version = 1)]
/// struct Shop {
///     #[session(principal)]
///     user: Option<u64>,
///     #[session(default)]
///     cart: Vec<u32>,
/// }
///
/// async fn order(SignedIn(user): SignedIn<Shop>, shop: TypedSession<Shop>) -> String {
///     format!("{} teas for user {user}", shop.cart().len())
/// }
/// # let _ = order;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[doc(alias = "Identity")]
pub struct SignedIn<T: HasPrincipal>(pub T::Principal);

impl<T: HasPrincipal> SignedIn<T> {
    /// The value of the principal field.
    #[must_use]
    pub fn into_inner(self) -> T::Principal {
        self.0
    }
}

impl<T: HasPrincipal> ops::Deref for SignedIn<T> {
    type Target = T::Principal;

    fn deref(&self) -> &T::Principal {
        &self.0
    }
}

impl<T: HasPrincipal> FromRequest for SignedIn<T>
where
    T::Principal: Clone,
{
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, actix_web::Error>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let (state, session) = (T::Handle::extract(request), session_of::<T>(request));
        Box::pin(async move {
            let (state, session) = (state.await?, session.await?);
            let user = state.principal().cloned().filter(|_| session.principal().is_some());
            user.map(Self).ok_or_else(|| session.not_signed_in().into())
        })
    }
}

impl ResponseError for NotSignedIn {
    fn status_code(&self) -> StatusCode {
        if self.page().is_some() { StatusCode::SEE_OTHER } else { StatusCode::UNAUTHORIZED }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let mut response = HttpResponse::build(status);
        if let Some(page) = self.page() {
            response.insert_header((LOCATION, page));
        }
        response.content_type("text/plain; charset=utf-8").body(status.canonical_reason().unwrap_or_default())
    }
}

/// Whether somebody is signed in, as a guard: `.guard(fn_guard(signed_in))`. It needs [`eager`](crate::SessionMiddlewareBuilder::eager),
/// because guards cannot wait for a session. Without it nobody counts as signed in, and the log tells so.
///
/// It does not know which of several sessions is meant. Where several middlewares wrap the guard, nobody counts as signed in, and the
/// log tells so; use [`signed_in_to`]. The same goes for a guard on a scope that a middleware of its own wraps: guards of a scope run
/// before what the scope is wrapped by, so this one would ask the session around it.
///
/// ```
/// use actix_typed_session::signed_in;
/// use actix_web::{guard::fn_guard, web};
///
/// let account = web::scope("/account").guard(fn_guard(signed_in));
/// # let _ = account;
/// ```
#[must_use]
pub fn signed_in(context: &GuardContext<'_>) -> bool {
    is_signed_in(context)
}

/// Whether somebody is signed in as the principal field of `T` says, as a guard for an application with several sessions. As
/// [`signed_in`], it needs [`eager`](crate::SessionMiddlewareBuilder::eager).
///
/// Guards of a scope run before what the scope is wrapped by, so a guard belongs on a scope or route within. Outside of the middleware
/// that names `T` nobody counts as signed in, and the log tells so.
///
/// ```
/// use actix_typed_session::{Key, Schemas, SessionMiddleware, SessionState, signed_in_to, store::MemoryStore};
/// use actix_web::{guard::fn_guard, web};
///
/// #[derive(SessionState)]
/// #[session(name = "admin", version = 1)]
/// struct Admin {
///     #[session(principal)]
///     employee: Option<u64>,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let administration = SessionMiddleware::builder(MemoryStore::with_max_bytes(16 << 20), Key::generate()?)
///     .cookie_name("admin")
///     .schemas(Schemas::builder().with::<Admin>().build()?)
///     .eager()
///     .build()?;
/// let for_employees = web::scope("/orders").guard(fn_guard(signed_in_to::<Admin>));
/// let admin = web::scope("/admin").service(for_employees).wrap(administration);
/// # let _ = admin;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn signed_in_to<T: HasPrincipal>(context: &GuardContext<'_>) -> bool {
    is_signed_in_to::<T>(context)
}
