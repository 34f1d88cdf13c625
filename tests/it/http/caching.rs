//! Two visitors behind one caching proxy.

use std::{net::SocketAddr, time::Duration};

use actix_typed_session::{
    Key, SessionMiddleware, SessionState, TypedSession,
    record::Timestamp,
    store::{ManualClock, MemoryStore},
};
use actix_web::{App, HttpResponse, HttpServer, web};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::servers::Nginx;

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Shop {
    #[session(principal)]
    user: Option<u64>,
    #[session(default)]
    visits: u32,
}

/// What the page says to caches.
const POLICIES: [(&str, &str); 5] = [
    ("cache-control", "public, max-age=60"),
    ("cache-control", "s-maxage=60"),
    ("expires", "Thu, 01 Jan 2099 00:00:00 GMT"),
    ("x-accel-expires", "60"),
    // It says nothing, and the proxy stores for a minute whatever does not forbid it.
    ("x-nothing", "-"),
];

/// The number of a policy, then what the page does.
async fn page(mut shop: TypedSession<Shop>, path: web::Path<(usize, String)>) -> HttpResponse {
    let (policy, what) = path.into_inner();
    match what.strip_prefix("in") {
        Some(user) => shop.set_user(user.parse::<u64>().unwrap()),
        None if what == "write" => shop.set_visits(shop.visits() + 1),
        None => {}
    }
    let user = shop.user().map_or_else(|| "nobody".to_owned(), |user| user.to_string());
    HttpResponse::Ok().insert_header(POLICIES[policy]).body(user)
}

async fn plain() -> HttpResponse {
    HttpResponse::Ok().insert_header(POLICIES[0]).body("the same for all")
}

struct Answer {
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let of =
            |line: &'_ str| line.split_once(':').is_some_and(|(known, _)| known.eq_ignore_ascii_case(name));
        self.head.lines().find(|line| of(line)).map(|line| line.split_once(':').unwrap().1.trim())
    }
}

async fn get(address: SocketAddr, path: &str, cookie: Option<&str>) -> Answer {
    let cookie = cookie.map_or_else(String::new, |cookie| format!("Cookie: {cookie}\r\n"));
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{cookie}\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    Answer { head: head.to_owned(), body: body.to_owned() }
}

/// Signs in, and returns the cookie.
async fn signed_in(address: SocketAddr, path: &str, user: u64) -> String {
    let answer = get(address, &format!("{path}/in{user}"), None).await;
    assert_eq!(answer.body, user.to_string());
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

/// OWASP ASVS 5.0 14.2.2; CVE-2023-30861; CVE-2025-48947.
#[actix_web::test]
async fn a_caching_proxy_gives_no_page_to_another_visitor() {
    let clock = ManualClock::at(Timestamp::from_millis(1_000_000));
    let store = MemoryStore::unbounded().with_clock(clock.clone());
    let sessions = SessionMiddleware::new(store, Key::generate().unwrap());
    let server = HttpServer::new(move || {
        App::new()
            .wrap(sessions.clone())
            .route("/plain", web::get().to(plain))
            .route("/{policy}/{what}", web::get().to(page))
    });
    let server = server.workers(1).bind(("127.0.0.1", 0)).unwrap();
    let application = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    let Some(proxy) = Nginx::before(application).await else { return };
    let proxy = proxy.address();

    // The proxy does store what it may.
    get(proxy, "/plain", None).await;
    assert_eq!(get(proxy, "/plain", None).await.header("x-cache"), Some("HIT"));

    for (number, policy) in POLICIES.iter().enumerate() {
        let path = format!("/{number}");
        // The sign-in of one is not answered to the other, nor its cookie given to them.
        let one = signed_in(proxy, &path, 4).await;
        assert_eq!(
            get(proxy, &format!("{path}/in4"), None).await.header("x-cache"),
            Some("MISS"),
            "{policy:?}"
        );
        let two = signed_in(proxy, &path, 5).await;
        for what in ["read", "write"] {
            let path = format!("{path}/{what}");
            let read = async |cookie, user: &str| {
                let answer = get(proxy, &path, cookie).await;
                assert_eq!(answer.body, user, "{policy:?} {what}: {}", answer.head);
                // Told to keep it for all, the proxy keeps it for nobody; told nothing, it may keep one for each cookie.
                let is_kept = answer.header("x-cache") == Some("HIT");
                assert!(!is_kept || policy.0.starts_with("x-"), "{policy:?} {what}: {}", answer.head);
            };
            for _ in 0..2 {
                read(Some(one.as_str()), "4").await;
                read(Some(two.as_str()), "5").await;
                read(None, "nobody").await;
            }
        }
        // A response that only touches the session.
        clock.advance(Duration::from_mins(10));
        assert_eq!(get(proxy, &format!("{path}/touch"), Some(&one)).await.body, "4");
        assert_eq!(get(proxy, &format!("{path}/touch"), None).await.body, "nobody", "{policy:?}");
        assert_eq!(get(proxy, &format!("{path}/touch"), Some(&two)).await.body, "5", "{policy:?}");
    }
    handle.stop(false).await;
}
