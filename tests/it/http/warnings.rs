//! Mistakes of a set-up that only a real server shows, each told once.

use actix_typed_session::{Key, SessionMiddleware, SessionState, TypedSession, store::MemoryStore};
use actix_web::{App, HttpServer, dev::ServerHandle, web};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tracing::Level;

use crate::flow::logged::Logged;

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(default)]
    visits: u32,
}

async fn visit(mut shop: TypedSession<Shop>) -> &'static str {
    shop.set_visits(1);
    "set"
}

fn sessions() -> SessionMiddleware {
    SessionMiddleware::new(MemoryStore::unbounded(), Key::generate().unwrap())
}

/// Starts a server with two workers; `make` is called in the closure that makes the `App`.
fn start(
    logged: &Logged,
    make: impl Fn() -> SessionMiddleware + Clone + Send + 'static,
) -> (ServerHandle, String) {
    let logged = logged.clone();
    let server = HttpServer::new(move || {
        logged.for_good();
        App::new().wrap(make()).route("/", web::get().to(visit))
    })
    .workers(2)
    .bind(("127.0.0.1", 0))
    .unwrap();
    let address = server.addrs()[0].to_string();
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    (handle, address)
}

/// Sends a request on a connection of its own.
async fn get(address: &str, more: &str) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{more}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("__Host-sid="), "{answer}");
}

#[actix_web::test]
async fn a_middleware_made_for_each_worker_is_told_once() {
    const PROXIED: &str = "X-Forwarded-Proto: https\r\n";
    let logged = Logged::default();
    let (handle, address) = start(&logged, sessions);
    for _ in 0..8 {
        get(&address, PROXIED).await;
    }
    let log = logged.take();
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
    assert!(log.contains("`MemoryStore`") && log.contains("before `HttpServer::new`"), "{log}");
    handle.stop(false).await;

    let shared = sessions();
    let (handle, address) = start(&logged, move || shared.clone());
    for _ in 0..8 {
        get(&address, PROXIED).await;
    }
    assert_eq!(logged.count(Level::WARN), 0);
    handle.stop(false).await;
}

#[actix_web::test]
async fn a_secure_cookie_over_plain_http_is_told_once() {
    let logged = Logged::default();
    let shared = sessions();
    let (handle, address) = start(&logged, move || shared.clone());
    get(&address, "Forwarded: proto=https\r\n").await;
    assert_eq!(logged.count(Level::WARN), 0, "a proxy ends TLS");
    for _ in 0..5 {
        get(&address, "").await;
    }
    let log = logged.take();
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
    assert!(log.contains("`dangerous_insecure_cookie`") && log.contains("X-Forwarded-Proto"), "{log}");
    handle.stop(false).await;
}
