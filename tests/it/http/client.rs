//! A minimal browser: one connection, and a cookie jar that takes each `Set-Cookie` when the test says so.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use http_body_util::{BodyExt, Empty};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1::{SendRequest, handshake},
    header::{COOKIE, HOST, SET_COOKIE},
};
use hyper_util::rt::TokioIo;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use super::State;

/// Longer than any answer takes, so that a server that hangs fails the test instead of blocking it for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// Cookies by name.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Jar(BTreeMap<String, String>);

impl Jar {
    /// Takes one `Set-Cookie` line as a browser does.
    pub(super) fn take(&mut self, line: &str) {
        let mut parts = line.split(';').map(str::trim);
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        if parts.any(|attribute| attribute.eq_ignore_ascii_case("Max-Age=0")) {
            self.0.remove(name);
        } else {
            self.0.insert(name.to_owned(), value.to_owned());
        }
    }

    fn header(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A complete answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) set_cookies: Vec<String>,
    pub(super) body: String,
}

/// No answer came, so the outcome of the request is unknown.
#[derive(Debug)]
pub(super) struct Unanswered(
    #[allow(dead_code, reason = "for the message of a failed test")] pub(super) String,
);

pub(super) struct Client {
    address: SocketAddr,
    pub(super) jar: Jar,
    connection: Option<SendRequest<Empty<Bytes>>>,
}

impl Client {
    pub(super) const fn to(address: SocketAddr, jar: Jar) -> Self {
        Self { address, jar, connection: None }
    }

    /// Another connection of the same browser, with the cookies of now.
    pub(super) fn twin(&self) -> Self {
        Self::to(self.address, self.jar.clone())
    }

    /// Sends a request, and returns the head of the answer. The body is still to be read, and the jar is unchanged.
    pub(super) async fn head(&mut self, path: &str) -> Result<Response<Incoming>, Unanswered> {
        let lost = |error: &dyn std::fmt::Display| Unanswered(error.to_string());
        if self.connection.as_ref().is_none_or(SendRequest::is_closed) {
            let stream = TcpStream::connect(self.address).await.map_err(|error| lost(&error))?;
            stream.set_nodelay(true).map_err(|error| lost(&error))?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| lost(&error))?;
            tokio::spawn(connection);
            self.connection = Some(sender);
        }
        let mut request = Request::post(path).header(HOST, self.address.to_string());
        if !self.jar.is_empty() {
            request = request.header(COOKIE, self.jar.header());
        }
        let sender = self.connection.as_mut().unwrap();
        let answer = async {
            sender.ready().await?;
            sender.send_request(request.body(Empty::new()).unwrap()).await
        };
        let answer = timeout(PATIENCE, answer).await.map_err(|late| lost(&late))?;
        answer.map_err(|error| lost(&error))
    }

    /// Sends a request, and returns the answer. The jar is unchanged.
    pub(super) async fn ask(&mut self, path: &str) -> Result<Reply, Unanswered> {
        let (head, body) = self.head(path).await?.into_parts();
        let body = timeout(PATIENCE, body.collect()).await.map_err(|late| Unanswered(late.to_string()))?;
        let body = body.map_err(|error| Unanswered(error.to_string()))?.to_bytes();
        let lines = head.headers.get_all(SET_COOKIE).iter();
        Ok(Reply {
            status: head.status.as_u16(),
            set_cookies: lines.map(|line| line.to_str().unwrap().to_owned()).collect(),
            body: String::from_utf8(body.to_vec()).unwrap(),
        })
    }

    /// Sends a request, takes the cookies of the answer, and returns its body. The status must be 200.
    pub(super) async fn ok(&mut self, path: &str) -> String {
        let reply = self.ask(path).await.unwrap();
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        for line in &reply.set_cookies {
            self.jar.take(line);
        }
        reply.body
    }

    pub(super) async fn read(&mut self) -> State {
        serde_json::from_str(&self.ok("/read").await).unwrap()
    }

    /// Sends a request on a new connection, which the caller may break.
    pub(super) async fn send_and_hold(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let cookie = self.jar.header();
        let request = format!("POST {path} HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }
}

/// Breaks a connection so that the other side gets a reset instead of an orderly end.
pub(super) fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
    drop(stream);
}
