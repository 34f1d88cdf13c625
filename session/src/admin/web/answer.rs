//! What a handler answers.
//!
//! In: pages, places, and failures of the store. Out: responses. Never: an error of actix's; a failure of the store is a page too.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    http::{StatusCode, header::LOCATION},
};

use super::pages::answers;
use crate::store::error::{StoreError, StoreErrorKind};

/// How long a page waits for the store.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Answer(Result<HttpResponse, StoreError>);

impl Responder for Answer {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.0.unwrap_or_else(|error| {
            let status = match error.kind() {
                StoreErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            };
            html(status, answers::failed(&error))
        })
    }
}

/// The answer of `work`, if the store gives it in time.
pub(super) async fn within(work: impl Future<Output = Result<HttpResponse, StoreError>>) -> Answer {
    let late = || StoreError::new(StoreErrorKind::Unavailable).with_source("no answer in time");
    Answer(tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(late())))
}

pub(super) fn html(status: StatusCode, page: String) -> HttpResponse {
    HttpResponse::build(status).content_type("text/html; charset=utf-8").body(page)
}

pub(super) fn ok(page: String) -> HttpResponse {
    html(StatusCode::OK, page)
}

pub(super) fn to(place: impl AsRef<str>) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, place.as_ref())).finish()
}
