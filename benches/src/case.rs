//! One thing to measure: requests of one kind to one service.

use std::{future::Future, hint::black_box, pin::Pin, rc::Rc};

use actix_http::Request;
use actix_service::IntoServiceFactory;
use actix_web::{
    body::MessageBody,
    dev::{AppConfig, ServiceFactory, ServiceResponse},
    http::header::COOKIE,
    test::{TestRequest, call_service, init_service},
};

/// Sends `n` requests, one after the other.
type Run = Box<dyn Fn(u32) -> Pin<Box<dyn Future<Output = ()>>>>;

pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The case without a session, which is what the request itself costs.
    pub(crate) bare: &'static str,
    pub(crate) run: Run,
}

/// A case of requests to `app`, which has one route, each with `cookie`.
pub(crate) async fn case<R, S, B, E>(
    name: &'static str,
    bare: &'static str,
    app: R,
    cookie: Option<&str>,
) -> Case
where
    R: IntoServiceFactory<S, Request> + 'static,
    S: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse<B>, Error = E> + 'static,
    S::InitError: std::fmt::Debug,
    B: MessageBody + 'static,
    E: std::fmt::Debug + 'static,
{
    let service = Rc::new(init_service(app).await);
    let cookie = cookie.map(str::to_owned);
    let run = move |n| {
        let (service, cookie) = (service.clone(), cookie.clone());
        let requests = async move {
            for _ in 0..n {
                let mut request = TestRequest::get();
                if let Some(cookie) = &cookie {
                    request = request.insert_header((COOKIE, cookie.as_str()));
                }
                let response = call_service(&*service, request.to_request()).await;
                assert!(response.status().is_success(), "{name}: {}", response.status());
                black_box(response);
            }
        };
        Box::pin(requests) as Pin<Box<dyn Future<Output = ()>>>
    };
    Case { name, bare, run: Box::new(run) }
}

/// The `name=value` of the cookie that one request to `app` gets.
pub(crate) async fn cookie_from<R, S, B, E>(app: R) -> String
where
    R: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse<B>, Error = E>,
    S::InitError: std::fmt::Debug,
    B: MessageBody,
    E: std::fmt::Debug,
{
    let service = init_service(app).await;
    let response = call_service(&service, TestRequest::get().to_request()).await;
    let line =
        response.headers().get(actix_web::http::header::SET_COOKIE).and_then(|line| line.to_str().ok());
    line.and_then(|line| line.split(';').next()).unwrap_or_default().to_owned()
}
