//! One thing to measure in process: requests of one kind to three services.

use std::{fmt::Debug, future::Future, hint::black_box, pin::Pin, rc::Rc};

use actix_http::Request;
use actix_service::{IntoServiceFactory, Service};
use actix_web::{
    Error,
    body::MessageBody,
    dev::{AppConfig, ServiceFactory, ServiceResponse},
    http::header::{COOKIE, SET_COOKIE},
    test::{TestRequest, call_and_read_body, call_service, init_service},
};

/// Sends `n` requests, one after the other.
pub(crate) type Requests = Rc<dyn Fn(u32) -> Pin<Box<dyn Future<Output = ()>>>>;

/// A kind of request, and who answers it.
pub(crate) struct Case {
    pub(crate) name: String,
    /// Whether the requests belong to a session.
    pub(crate) has_cookie: bool,
    /// A handler without sessions: what the request itself costs.
    pub(crate) bare: Requests,
    pub(crate) ours: Requests,
    pub(crate) theirs: Requests,
}

/// A service in this process.
pub(crate) struct App<S>(Rc<S>);

impl<S> Clone for App<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

pub(crate) async fn app<R, F, B>(
    app: R,
) -> App<impl Service<Request, Response = ServiceResponse<B>, Error = Error>>
where
    R: IntoServiceFactory<F, Request>,
    F: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse<B>, Error = Error>,
    F::InitError: Debug,
{
    App(Rc::new(init_service(app).await))
}

impl<S, B> App<S>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    /// Requests for `path`, each with `cookie`. The first is sent at once, and must be answered with `expected`.
    pub(crate) async fn requests(&self, path: &'static str, cookie: &str, expected: &str) -> Requests {
        let (app, cookie) = (self.0.clone(), cookie.to_owned());
        let first = call_and_read_body(&*app, request(path, &cookie)).await;
        assert_eq!(first, expected, "{path}");
        Rc::new(move |n| {
            let (app, cookie) = (app.clone(), cookie.clone());
            Box::pin(async move {
                for _ in 0..n {
                    let response = call_service(&*app, request(path, &cookie)).await;
                    assert!(response.status().is_success(), "{path}: {}", response.status());
                    black_box(response);
                }
            })
        })
    }

    /// The `name=value` of the cookie that a request for `path` gets.
    pub(crate) async fn cookie(&self, path: &'static str) -> String {
        let response = call_service(&*self.0, request(path, "")).await;
        let line = response.headers().get(SET_COOKIE).and_then(|line| line.to_str().ok());
        let cookie = line.and_then(|line| line.split(';').next()).unwrap_or_default().to_owned();
        assert!(!cookie.is_empty(), "{path} sets no cookie");
        cookie
    }
}

fn request(path: &str, cookie: &str) -> Request {
    let request = TestRequest::get().uri(path);
    if cookie.is_empty() { request } else { request.insert_header((COOKIE, cookie)) }.to_request()
}
