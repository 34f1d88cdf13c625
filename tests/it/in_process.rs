//! An application in this process, and its answers.

use std::{pin::Pin, rc::Rc};

use actix_web::{
    App, Error,
    body::{MessageBody, to_bytes},
    dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse},
    http::header::HeaderMap,
    test::{TestRequest, init_service},
};

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// The answer to a request that runs when it is polled.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Answer>>>;

/// Starts an application, which answers a request with an error as a server does.
pub(crate) async fn start<T, B>(app: App<T>) -> Box<dyn Fn(TestRequest) -> Answering>
where
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    T::Service: 'static,
    B: MessageBody + 'static,
{
    let app = Rc::new(init_service(app).await);
    Box::new(move |request: TestRequest| {
        let app = app.clone();
        Box::pin(async move {
            let response = match app.call(request.to_request()).await {
                Ok(response) => response.into_parts().1.map_into_boxed_body(),
                Err(error) => error.error_response(),
            };
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = to_bytes(response.into_body()).await.unwrap_or_default();
            Answer { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
        })
    })
}
