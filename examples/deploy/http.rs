//! A minimal HTTP client with one connection for each request, so that it is known exactly what has been sent.
//!
//! In: a request. Out: the answer. Never: sends a request twice.

use std::{
    fmt,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

pub(crate) struct Request {
    method: &'static str,
    path: String,
    body: String,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn new(method: &'static str, path: impl Into<String>, body: impl Into<String>) -> Self {
        Self { method, path: path.into(), body: body.into() }
    }

    fn head(&self, cookie: Option<&str>, more: &str) -> String {
        let cookie = cookie.map(|cookie| format!("cookie: {cookie}\r\n")).unwrap_or_default();
        let length = self.body.len();
        format!(
            "{self} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: {length}\r\n{cookie}{more}\r\n"
        )
    }
}

fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(server)?;
    // A server that does not answer is an error as well.
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(stream)
}

/// Sends a request, and waits for the answer.
pub(crate) fn exchange(server: SocketAddr, request: &Request, cookie: Option<&str>) -> io::Result<Answer> {
    let mut stream = connect(server)?;
    stream.write_all(request.head(cookie, "").as_bytes())?;
    end(stream, request)
}

/// Sends the head of a request, and waits until the server has begun to handle it.
pub(crate) fn begin(server: SocketAddr, request: &Request, cookie: Option<&str>) -> io::Result<TcpStream> {
    let mut stream = connect(server)?;
    stream.write_all(request.head(cookie, "expect: 100-continue\r\n").as_bytes())?;
    let mut heard = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut heard)?;
    if !heard.starts_with(b"HTTP/1.1 100 ") {
        return Err(io::Error::other(String::from_utf8_lossy(&heard)));
    }
    Ok(stream)
}

/// Sends the body of a request that `begin` has sent the head of, and waits for the answer.
pub(crate) fn end(mut stream: TcpStream, request: &Request) -> io::Result<Answer> {
    stream.write_all(request.body.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    let parts = text.split_once("\r\n\r\n");
    let (Some(status), Some((head, body))) = (status, parts) else {
        return Err(io::Error::other(format!("not an HTTP answer: {text:?}")));
    };
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The cookie that the browser must send from now on, if the answer sets one.
    pub(crate) fn cookie(&self) -> Option<&str> {
        self.header("set-cookie")?.split(';').next()
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.body.trim_end())
    }
}
