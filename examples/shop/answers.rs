//! What every answer gets before it leaves: headers for browsers, and a page in place of the session's own plain refusals.
//!
//! In: the answers of handlers, of the session's middleware and of guards. Out: the same for people. Never: another status.

use actix_web::{
    HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{
        CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
    },
    middleware::Next,
};

use crate::pages::{Asked, refused};

/// Goes around the session's middleware, which answers by itself when a session cannot be read or stored.
pub(crate) async fn complete(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let asked = Asked::of(request.method(), request.path());
    match next.call(request).await {
        Ok(answer) => {
            let (request, answer) = answer.map_into_boxed_body().into_parts();
            Ok(ServiceResponse::new(request, completed(asked, answer)))
        }
        Err(mut error) => {
            error.add_response_mapper(move |answer| completed(asked, answer));
            Err(error)
        }
    }
}

fn completed(asked: Asked, mut answer: HttpResponse) -> HttpResponse {
    let can_be_repeated = answer.headers().contains_key(RETRY_AFTER);
    if !is_page(answer.headers())
        && let Some(page) = refused(asked, answer.status(), can_be_repeated)
    {
        answer = answer.set_body(BoxBody::new(page.into_string()));
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    }
    secure(answer.headers_mut());
    answer
}

fn is_page(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

/// The browser loads nothing from other servers, and no other site can show the page in a frame.
fn secure(headers: &mut HeaderMap) {
    const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                          base-uri 'none'; frame-ancestors 'none'";
    if headers.contains_key(CONTENT_TYPE) && !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
}
