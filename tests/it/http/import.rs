//! An application on actix-session is stopped, rebuilt on this crate, and started: every user is still signed in.
//!
//! Both releases are servers of their own, and the browsers keep their cookies from one to the next.

use std::net::SocketAddr;

use actix_session::{
    Session as OldSession, SessionMiddleware as OldMiddleware,
    config::CookieContentSecurity,
    storage::{CookieSessionStore, RedisSessionStore, SessionStore},
};
use actix_typed_session::{
    Error, Key, SessionMiddleware, SessionState, TypedSession, import::ActixSession, store, store::RedisStore,
};
use actix_web::{App, HttpServer, cookie, dev::ServerHandle, rt, web};

use super::client::{Client, Jar};
use crate::servers::{Redis, shared_redis, unique_name};

#[derive(SessionState)]
#[session(name = "shop", version = 1, lock = off)]
struct Shop {
    #[session(principal)]
    user: Option<u64>,
    #[session(default)]
    cart: Vec<u32>,
}

struct Server {
    address: SocketAddr,
    handle: ServerHandle,
}

impl Server {
    /// The release on actix-session.
    fn old<S: SessionStore + 'static>(
        store: impl Fn() -> S + Clone + Send + 'static,
        security: CookieContentSecurity,
    ) -> Self {
        async fn sign_in(session: OldSession, user: web::Path<u64>) -> &'static str {
            session.renew();
            session.insert("user", *user).unwrap();
            "in"
        }
        async fn add(session: OldSession, number: web::Path<u32>) -> &'static str {
            let mut cart: Vec<u32> = session.get("cart").unwrap().unwrap_or_default();
            cart.push(*number);
            session.insert("cart", cart).unwrap();
            "added"
        }
        async fn show(session: OldSession) -> String {
            let cart: Vec<u32> = session.get("cart").unwrap().unwrap_or_default();
            format!("{:?} {cart:?}", session.get::<u64>("user").unwrap())
        }
        let server = HttpServer::new(move || {
            let sessions = OldMiddleware::builder(store(), old_key()).cookie_content_security(security);
            App::new()
                .wrap(sessions.build())
                .route("/in/{user}", web::post().to(sign_in))
                .route("/add/{number}", web::post().to(add))
                .route("/show", web::post().to(show))
        });
        let server = server.workers(1).bind(("127.0.0.1", 0)).unwrap();
        Self { address: server.addrs()[0], handle: start(server.run()) }
    }

    /// The release on this crate.
    async fn new(url: &str, old: ActixSession) -> Self {
        async fn add(mut shop: TypedSession<Shop>, number: web::Path<u32>) -> &'static str {
            let number = number.into_inner();
            shop.update_cart(move |cart| cart.push(number));
            "added"
        }
        async fn show(shop: TypedSession<Shop>) -> String {
            format!("{:?} {:?}", shop.user(), shop.cart())
        }
        async fn count(shop: TypedSession<Shop>) -> Result<String, Error> {
            Ok(shop.session().sessions().await?.len().to_string())
        }
        let key = Key::try_from(b"0123456789abcdef0123456789abcdef".as_slice()).unwrap();
        let sessions = SessionMiddleware::builder(store::open(url).await.unwrap(), key).import(old).build();
        let sessions = sessions.unwrap();
        let server = HttpServer::new(move || {
            App::new()
                .wrap(sessions.clone())
                .route("/add/{number}", web::post().to(add))
                .route("/show", web::post().to(show))
                .route("/count", web::post().to(count))
        });
        let server = server.workers(2).bind(("127.0.0.1", 0)).unwrap();
        Self { address: server.addrs()[0], handle: start(server.run()) }
    }

    /// A browser with these cookies.
    fn client(&self, jar: &Jar) -> Client {
        Client::to(self.address, jar.clone())
    }

    /// What a browser is shown; it keeps the cookies of the answer.
    async fn show(&self, jar: &mut Jar) -> String {
        self.ask(jar, "/show").await
    }

    async fn ask(&self, jar: &mut Jar, path: &str) -> String {
        let mut client = self.client(jar);
        let body = client.ok(path).await;
        *jar = client.jar;
        body
    }

    /// A browser that has sent these requests.
    async fn visitor(&self, paths: &[&str]) -> Jar {
        let mut jar = Jar::default();
        for path in paths {
            self.ask(&mut jar, path).await;
        }
        jar
    }

    async fn stop(self) {
        self.handle.stop(true).await;
    }
}

fn start(server: actix_web::dev::Server) -> ServerHandle {
    let handle = server.handle();
    rt::spawn(server);
    handle
}

fn old_key() -> cookie::Key {
    cookie::Key::from(&[7; 64])
}

/// Puts the record that has `part` in its text into the form of the releases after 0.11.
async fn rewrite(redis: &Redis, keys: &[String], part: &str, new: &str) {
    for key in keys {
        let text: String = redis.command(&["GET", key]).await.unwrap();
        if text.contains(part) {
            return redis.command(&["SET", key, new, "KEEPTTL"]).await.unwrap();
        }
    }
    panic!("no record has {part}");
}

#[actix_web::test]
async fn sessions_in_redis_move_and_a_rollback_finds_those_that_did_not_come() {
    let Some(redis) = shared_redis().await else { return };
    for security in [CookieContentSecurity::Private, CookieContentSecurity::Signed] {
        let prefix = unique_name();
        let old_keys =
            async || -> Vec<String> { redis.command(&["KEYS", &format!("{prefix}old:*")]).await.unwrap() };
        let of_key = {
            let prefix = prefix.clone();
            move |key: &str| format!("{prefix}old:{key}")
        };
        let shelf = RedisSessionStore::builder(redis.url()).cache_keygen(of_key.clone());
        let shelf = shelf.build().await.unwrap();
        let old_release = || {
            let shelf = shelf.clone();
            Server::old(move || shelf.clone(), security)
        };
        let import = async || {
            let old = ActixSession::in_store(RedisStore::open(&redis.url()).await.unwrap(), old_key());
            let old = old.cache_keygen(of_key.clone()).into_state::<Shop>();
            if matches!(security, CookieContentSecurity::Signed) { old.signed() } else { old }
        };
        let url = format!("{}?prefix={prefix}:", redis.url());

        let server = old_release();
        let mut ada = server.visitor(&["/in/7", "/add/1", "/add/2"]).await;
        let mut adas_phone = server.visitor(&["/in/7"]).await;
        let mut bob = server.visitor(&["/in/8", "/add/3"]).await;
        let mut guest = server.visitor(&["/add/5"]).await;
        let mut dan = server.visitor(&["/in/9"]).await;
        server.stop().await;
        let later = r#"{"v":1,"state":{"cart":[3],"user":8}}"#;
        rewrite(redis, &old_keys().await, r#""user":"8""#, later).await;

        let server = Server::new(&url, import().await).await;
        assert_eq!(server.show(&mut ada).await, "Some(7) [1, 2]");
        assert_eq!(server.show(&mut adas_phone).await, "Some(7) []");
        assert_eq!(server.show(&mut bob).await, "Some(8) [3]");
        assert_eq!(server.show(&mut guest).await, "None [5]");
        assert_eq!(server.ask(&mut ada, "/count").await, "2");
        server.ask(&mut ada, "/add/4").await;
        assert_eq!(ada.names(), ["__Host-sid"]);
        assert_eq!(old_keys().await.len(), 1, "that of the user who did not come");
        server.stop().await;

        let server = old_release();
        assert_eq!(server.show(&mut ada).await, "None []");
        assert_eq!(server.show(&mut dan).await, "Some(9) []");
        server.ask(&mut dan, "/add/6").await;
        server.stop().await;

        let server = Server::new(&url, import().await).await;
        assert_eq!(server.show(&mut ada).await, "Some(7) [1, 2, 4]");
        assert_eq!(server.show(&mut dan).await, "Some(9) [6]");
        assert!(old_keys().await.is_empty());
        server.stop().await;
    }
}

#[actix_web::test]
async fn sessions_in_cookies_move_and_a_copy_of_a_cookie_still_counts_after_a_rollback() {
    let Some(redis) = shared_redis().await else { return };
    for security in [CookieContentSecurity::Private, CookieContentSecurity::Signed] {
        let old_release = || Server::old(CookieSessionStore::default, security);
        let import = || {
            let old = ActixSession::in_cookie(old_key()).into_state::<Shop>();
            if matches!(security, CookieContentSecurity::Signed) { old.signed() } else { old }
        };
        let url = format!("{}?prefix={}:", redis.url(), unique_name());

        let server = old_release();
        let mut ada = server.visitor(&["/in/7", "/add/1", "/add/2"]).await;
        let mut guest = server.visitor(&["/add/5"]).await;
        let mut copy = ada.clone();
        server.stop().await;

        let server = Server::new(&url, import()).await;
        assert_eq!(server.show(&mut ada).await, "Some(7) [1, 2]");
        assert_eq!(server.show(&mut guest).await, "None [5]");
        server.ask(&mut ada, "/add/4").await;
        assert_eq!(server.show(&mut ada).await, "Some(7) [1, 2, 4]");
        assert_eq!(ada.names(), ["__Host-sid"]);
        server.stop().await;

        let server = old_release();
        assert_eq!(server.show(&mut ada).await, "None []");
        assert_eq!(server.show(&mut copy).await, "Some(7) [1, 2]");
        server.stop().await;
    }
}
