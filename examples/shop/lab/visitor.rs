//! A visitor whose requests are made in this process. The middleware reads their cookie and stores what they did, as for any request.
//!
//! In: handlers. Out: statuses, and what the visitor sees. Never: a request over the network.

use std::{cell::RefCell, rc::Rc};

use actix_typed_session::{Key, SessionMiddleware, SessionState, TypedSession, store::SessionStore};
use actix_web::{
    App, FromRequest, Handler, HttpResponse, Responder,
    dev::Service,
    error::ErrorInternalServerError,
    http::{StatusCode, header},
    test::{TestRequest, init_service},
    web,
};

/// A browser with its cookie. A clone is another tab.
#[derive(Clone)]
pub(super) struct Visitor {
    key: Key,
    sessions: SessionMiddleware,
    cookie: Option<String>,
}

impl Visitor {
    /// A visitor without a session, whose sessions are in `store`.
    ///
    /// # Errors
    /// When there is no randomness for a key.
    pub(super) fn of(store: impl SessionStore) -> Result<Self, actix_web::Error> {
        let key = Key::generate().map_err(ErrorInternalServerError)?;
        Ok(Self { sessions: SessionMiddleware::new(store, key.clone()), key, cookie: None })
    }

    /// The visitor with the same cookie at another server, which has the same key. One server knows one release of a state.
    pub(super) fn at_another_server(&self, store: impl SessionStore) -> Self {
        Self { sessions: SessionMiddleware::new(store, self.key.clone()), ..self.clone() }
    }

    /// Makes a request that `handler` answers, and keeps the cookie of the answer.
    pub(super) async fn asks<F, Args>(&mut self, handler: F) -> StatusCode
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let app = App::new().wrap(self.sessions.clone()).default_service(web::to(handler));
        let app = init_service(app).await;
        let mut request = TestRequest::default();
        if let Some(cookie) = &self.cookie {
            request = request.insert_header((header::COOKIE, cookie.as_str()));
        }
        match app.call(request.to_request()).await {
            Ok(answer) => {
                let set = answer.headers().get(header::SET_COOKIE).and_then(|line| line.to_str().ok());
                if let Some(pair) = set.and_then(|line| line.split(';').next()) {
                    self.cookie = Some(pair.to_owned());
                }
                answer.status()
            }
            Err(error) => error.as_response_error().status_code(),
        }
    }

    /// What `look` finds in the state that the visitor's next request reads; the default if it cannot be read.
    pub(super) async fn sees<T: SessionState, R: Default + 'static>(
        &mut self,
        look: impl Fn(&T) -> R + Clone + 'static,
    ) -> R {
        let seen = Rc::new(RefCell::new(R::default()));
        let seeing = seen.clone();
        self.asks(move |state: TypedSession<T>| {
            seeing.replace(look(&state));
            async { HttpResponse::Ok().finish() }
        })
        .await;
        seen.take()
    }
}
