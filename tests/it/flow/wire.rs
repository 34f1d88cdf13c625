//! A real server on a free port of this machine, and a client that sends raw bytes.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::mpsc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use actix_typed_session::{
    SessionMiddleware,
    record::Timestamp,
    store::{ManualClock, MemoryStore},
};
use actix_web::{App, HttpServer, dev::ServerHandle, rt::System, web};
use tokio::sync::Notify;

use super::{kit::key, logged::Logged, script::Script, words};

/// A server with one worker, so that a request that harms the worker affects the next one.
pub(super) struct Server {
    pub(super) store: Script,
    pub(super) clock: ManualClock,
    pub(super) logged: Logged,
    pub(super) gate: web::Data<Notify>,
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start() -> Self {
        Self::with(|_| ())
    }

    pub(super) fn with(routes: fn(&mut web::ServiceConfig)) -> Self {
        let clock = ManualClock::at(Timestamp::from_millis(1_000_000));
        let store = Script::over(MemoryStore::unbounded().with_clock(clock.clone()));
        let (logged, gate) = (Logged::default(), web::Data::new(Notify::new()));
        let sessions = SessionMiddleware::new(store.clone(), key());
        let (shown, seen) = mpsc::channel();
        let (listening, waiting) = (logged.clone(), gate.clone());
        let thread = std::thread::spawn(move || {
            System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    listening.for_good();
                    App::new()
                        .app_data(waiting.clone())
                        .wrap(sessions.clone())
                        .configure(routes)
                        .configure(words::routes)
                })
                .workers(1)
                .disable_signals()
                .bind(("127.0.0.1", 0))
                .unwrap();
                let address = server.addrs()[0];
                let running = server.run();
                shown.send((address, running.handle())).unwrap();
                running.await.unwrap();
            });
        });
        let (address, handle) = seen.recv().unwrap();
        Self { store, clock, logged, gate, address, handle, thread: Some(thread) }
    }

    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    /// Sends a request with these header lines, each without its line end, and returns all bytes of the answer.
    pub(super) fn ask(&self, path: &str, lines: &[&[u8]]) -> Reply {
        let mut stream = self.connect();
        stream.write_all(&request(path, lines, "close")).unwrap();
        let mut reply = Vec::new();
        // If the server drops the connection, the answer is empty.
        let _ = stream.read_to_end(&mut reply);
        Reply(reply)
    }

    pub(super) fn ask_with(&self, path: &str, cookie: &str) -> Reply {
        self.ask(path, &[format!("Cookie: {cookie}").as_bytes()])
    }

    /// Begins a session by a request for `/do/{words}`, and returns its cookie.
    pub(super) fn cookie(&self, words: &str) -> String {
        let cookie = self.ask(&format!("/do/{words}"), &[]).cookie().unwrap();
        self.store.asked();
        cookie
    }

    /// The state of the session of a cookie.
    pub(super) fn state(&self, cookie: &str) -> String {
        let body = self.ask_with("/do/", cookie).body();
        self.store.asked();
        body
    }

    /// Waits until the store has had these calls.
    pub(super) fn until_asked(&self, calls: &str) {
        let begun = Instant::now();
        while !self.store.was_asked(calls) {
            assert!(begun.elapsed() < Duration::from_secs(10), "the store was never asked {calls:?}");
            std::thread::yield_now();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The call itself sends the command. The future that it returns only waits.
        drop(self.handle.stop(false));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A request as a proxy passes it on that ends TLS.
pub(super) fn request(path: &str, lines: &[&[u8]], connection: &str) -> Vec<u8> {
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n");
    let mut bytes = [head.as_bytes(), b"X-Forwarded-Proto: https\r\n"].concat();
    for line in lines {
        bytes.extend_from_slice(line);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// The bytes of one answer, empty if the server dropped the connection.
pub(super) struct Reply(pub(super) Vec<u8>);

impl Reply {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    pub(super) fn status(&self) -> u16 {
        self.text().get(9..12).map_or(0, |status| status.parse().unwrap())
    }

    pub(super) fn body(&self) -> String {
        self.text().split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned())
    }

    /// The value of the `Set-Cookie` line.
    pub(super) fn set_cookie(&self) -> Option<String> {
        let text = self.text();
        let head = text.split("\r\n\r\n").next()?;
        let mut lines = head.lines().filter(|line| line.to_ascii_lowercase().starts_with("set-cookie: "));
        let line = lines.next().map(|line| line["set-cookie: ".len()..].to_owned());
        assert!(lines.next().is_none(), "two Set-Cookie headers");
        line
    }

    /// The `name=value` of the `Set-Cookie` line.
    pub(super) fn cookie(&self) -> Option<String> {
        Some(self.set_cookie()?.split(';').next()?.to_owned())
    }
}
