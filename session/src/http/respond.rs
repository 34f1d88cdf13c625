//! What an error looks like to a browser.
//!
//! In: an [`Error`]. Out: an opaque response. Never: an id, a value, the reason.

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header::RETRY_AFTER},
};

use crate::error::{Error, ErrorKind};

impl ErrorKind {
    const fn status(self) -> StatusCode {
        match self {
            Self::StoreUnavailable | Self::Contended | Self::Unreadable | Self::SchemaTooNew => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Superseded | Self::Gone => StatusCode::CONFLICT,
            Self::TooManySessions | Self::CrossOrigin | Self::CsrfToken => StatusCode::FORBIDDEN,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.kind().status()
    }

    /// An opaque response: the status and its standard phrase, and when to try again, unless that could store a write twice.
    fn error_response(&self) -> HttpResponse {
        let status = self.kind().status();
        let mut response = HttpResponse::build(status);
        if status == StatusCode::SERVICE_UNAVAILABLE && self.can_be_repeated() {
            response.insert_header((RETRY_AFTER, "1"));
        }
        response.content_type("text/plain; charset=utf-8").body(status.canonical_reason().unwrap_or_default())
    }
}
