//! A client that sends exactly the requests that it is told to, and checks each answer.

use std::{error::Error, net::Ipv4Addr};

use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Request,
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
    header::{COOKIE, HOST, SET_COOKIE},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// One connection, kept alive.
pub(crate) struct Client {
    sender: SendRequest<Empty<Bytes>>,
    /// The `name=value` of the session that the requests belong to; empty without one.
    pub(crate) cookie: String,
}

impl Client {
    pub(crate) async fn connect(port: u16) -> Result<Self, Box<dyn Error>> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        actix_web::rt::spawn(connection);
        Ok(Self { sender, cookie: String::new() })
    }

    /// The body of a successful answer. A cookie that comes with it is kept.
    pub(crate) async fn get(&mut self, path: &str) -> Result<String, Box<dyn Error>> {
        let mut request = Request::get(path).header(HOST, "127.0.0.1");
        if !self.cookie.is_empty() {
            request = request.header(COOKIE, &self.cookie);
        }
        self.sender.ready().await?;
        let answer = self.sender.send_request(request.body(Empty::new())?).await?;
        let status = answer.status();
        if let Some(line) = answer.headers().get(SET_COOKIE) {
            line.to_str()?.split(';').next().unwrap_or_default().clone_into(&mut self.cookie);
        }
        let body = answer.into_body().collect().await?.to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        if !status.is_success() {
            return Err(format!("{path}: {status}: {body}").into());
        }
        Ok(body)
    }

    /// Sends a request whose answer must be `expected`.
    pub(crate) async fn expect(&mut self, path: &str, expected: &str) -> Result<(), Box<dyn Error>> {
        let body = self.get(path).await?;
        if body == expected {
            Ok(())
        } else {
            Err(format!("{path}: `{body}` instead of `{expected}`").into())
        }
    }
}
