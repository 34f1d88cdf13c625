//! The kit of the flow tests: an application in this process over a scripted store, and a browser that keeps its cookie.

use std::{cell::RefCell, fmt};

use actix_typed_session::{
    Key, Keys, SealedCookie, SessionHome, SessionMiddleware, SessionMiddlewareBuilder,
    record::Timestamp,
    store::{ActixSessionStore, ManualClock, MemoryStore},
};
use actix_web::{
    App,
    http::header::{COOKIE, HeaderValue, SET_COOKIE},
    test::TestRequest,
    web,
};
use tokio::sync::Notify;

pub(super) use super::words::{EMPTY, Shop};
use super::{script::Script, words};
use crate::in_process::start;
pub(super) use crate::in_process::{Answer, Answering};

pub(super) fn key() -> Key {
    Key::try_from(b"0123456789abcdef0123456789abcdef".as_slice()).unwrap()
}

/// An application in this process over a scripted store.
pub(super) struct World {
    pub(super) store: Script,
    pub(super) clock: ManualClock,
    pub(super) gate: web::Data<Notify>,
    call: Box<dyn Fn(TestRequest) -> Answering>,
}

/// The effect of a response on the browser's cookie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Jar {
    Kept,
    Set,
    Removed,
}

impl Answer {
    /// The only `Set-Cookie` line.
    pub(super) fn set_cookie(&self) -> Option<&str> {
        let mut lines = self.headers.get_all(SET_COOKIE);
        let line = lines.next().map(|line| line.to_str().unwrap());
        assert!(lines.next().is_none(), "two Set-Cookie headers");
        line
    }

    pub(super) fn jar(&self) -> Jar {
        match self.set_cookie() {
            None => Jar::Kept,
            Some(line) if line.starts_with("__Host-sid=;") => Jar::Removed,
            Some(_) => Jar::Set,
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {}", self.status, self.jar(), self.body)
    }
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    /// A world with other settings than the defaults.
    pub(super) async fn with(
        choose: impl FnOnce(SessionMiddlewareBuilder) -> SessionMiddlewareBuilder,
    ) -> Self {
        Self::routed(choose, |_| ()).await
    }

    /// Another instance of the application over the same store, with these keys.
    pub(super) async fn beside(&self, keys: impl Into<Keys>) -> Self {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        Self::over(store.clone(), store, clock, keys.into(), |builder| builder, |_| ()).await
    }

    /// An application that keeps sessions in their cookies, and no store.
    pub(super) async fn sealed(
        home: SealedCookie,
        keys: impl Into<Keys>,
        choose: impl FnOnce(SessionMiddlewareBuilder) -> SessionMiddlewareBuilder,
        routes: impl FnOnce(&mut web::ServiceConfig),
    ) -> Self {
        let clock = ManualClock::at(Timestamp::from_millis(1_000_000));
        let home = home.with_clock(clock.clone());
        let unused = Script::over(MemoryStore::unbounded());
        Self::over(home, unused, clock, keys.into(), choose, routes).await
    }

    /// An application that keeps sessions in a store of actix-session.
    pub(super) async fn adapted(
        home: ActixSessionStore,
        clock: ManualClock,
        keys: impl Into<Keys>,
        choose: impl FnOnce(SessionMiddlewareBuilder) -> SessionMiddlewareBuilder,
        routes: impl FnOnce(&mut web::ServiceConfig),
    ) -> Self {
        let home = home.with_clock(clock.clone());
        let unused = Script::over(MemoryStore::unbounded());
        Self::over(home, unused, clock, keys.into(), choose, routes).await
    }

    /// A cookie of each is that of a stranger to the other.
    pub(super) async fn is_strange_to(&self, others: &[Self]) {
        let ours = self.browser_after("v1,in4").await.cookie().unwrap();
        let value = ours.split_once('=').unwrap().1;
        for (at, other) in others.iter().enumerate() {
            for name in ["__Host-sid", "__Host-id"] {
                let there = other.request("/do/", Some(&format!("{name}={value}"))).await;
                assert_eq!(
                    (there.status, there.set_cookie(), there.body.as_str()),
                    (200, None, EMPTY),
                    "{at}"
                );
            }
            let theirs = other.request("/do/v1,in4", None).await;
            let value = theirs.set_cookie().unwrap().split([';', '=']).nth(1).unwrap();
            let here = self.request("/do/", Some(&format!("__Host-sid={value}"))).await;
            assert_eq!((here.status, here.set_cookie(), here.body.as_str()), (200, None, EMPTY), "{at}");
        }
    }

    /// A world with additional routes.
    pub(super) async fn routed(
        choose: impl FnOnce(SessionMiddlewareBuilder) -> SessionMiddlewareBuilder,
        routes: impl FnOnce(&mut web::ServiceConfig),
    ) -> Self {
        let clock = ManualClock::at(Timestamp::from_millis(1_000_000));
        let store = Script::over(MemoryStore::unbounded().with_clock(clock.clone()));
        Self::over(store.clone(), store, clock, key().into(), choose, routes).await
    }

    async fn over(
        home: impl SessionHome,
        store: Script,
        clock: ManualClock,
        keys: Keys,
        choose: impl FnOnce(SessionMiddlewareBuilder) -> SessionMiddlewareBuilder,
        routes: impl FnOnce(&mut web::ServiceConfig),
    ) -> Self {
        let gate = web::Data::new(Notify::new());
        let middleware = choose(SessionMiddleware::builder(home, keys)).build().unwrap();
        let app =
            App::new().app_data(gate.clone()).wrap(middleware).configure(routes).configure(words::routes);
        let call = start(app).await;
        Self { store, clock, gate, call }
    }

    pub(super) fn request(&self, path: &str, cookie: Option<&str>) -> Answering {
        self.send(path, cookie.map(|cookie| HeaderValue::try_from(cookie).unwrap()))
    }

    pub(super) fn send(&self, path: &str, cookie: Option<HeaderValue>) -> Answering {
        let mut request = TestRequest::get().uri(path);
        if let Some(cookie) = cookie {
            request = request.insert_header((COOKIE, cookie));
        }
        (self.call)(request)
    }

    pub(super) fn with_header(&self, path: &str, header: (&str, &str)) -> Answering {
        (self.call)(TestRequest::get().uri(path).insert_header(header))
    }

    /// A browser without a cookie.
    pub(super) fn browser(&self) -> Browser<'_> {
        Browser { world: self, cookie: RefCell::new(None) }
    }

    /// A browser that has already sent `words`. The store's record of calls is empty afterwards.
    pub(super) async fn browser_after(&self, words: &str) -> Browser<'_> {
        let browser = self.browser();
        assert_eq!(browser.go(words).await.status, 200);
        self.store.asked();
        browser
    }
}

/// A browser that sends the cookie it last received. A clone has a copy of the cookie.
#[derive(Clone)]
pub(super) struct Browser<'a> {
    world: &'a World,
    cookie: RefCell<Option<String>>,
}

impl Browser<'_> {
    /// Sends a request for `/do/{words}`.
    pub(super) async fn go(&self, words: &str) -> Answer {
        self.get(&format!("/do/{words}")).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.get_at(self.world, path).await
    }

    /// [`go`](Self::go) to another instance.
    pub(super) async fn go_at(&self, world: &World, words: &str) -> Answer {
        self.get_at(world, &format!("/do/{words}")).await
    }

    async fn get_at(&self, world: &World, path: &str) -> Answer {
        let cookie = self.cookie();
        let answer = world.request(path, cookie.as_deref()).await;
        match answer.jar() {
            Jar::Kept => {}
            Jar::Removed => drop(self.cookie.take()),
            Jar::Set => {
                let pair = answer.set_cookie().unwrap().split(';').next().unwrap().to_owned();
                self.cookie.replace(Some(pair));
            }
        }
        answer
    }

    /// Runs two overlapping requests: `slow` begins and waits at its `gate`, `fast` runs from beginning to end, and `slow` goes on.
    pub(super) async fn overlap(&self, slow: &str, fast: &str) -> (Answer, Answer) {
        self.overlap_with(&self.clone(), slow, fast).await
    }

    /// The same; the fast request is that of `other`, a clone that keeps the cookie it gets.
    pub(super) async fn overlap_with(&self, other: &Self, slow: &str, fast: &str) -> (Answer, Answer) {
        tokio::join!(biased; self.go(slow), async {
            let answer = other.go(fast).await;
            self.world.gate.notify_one();
            answer
        })
    }

    /// Takes over the cookie that another request of this browser got.
    pub(super) fn adopt(&self, other: &Self) {
        self.cookie.replace(other.cookie());
    }

    pub(super) fn cookie(&self) -> Option<String> {
        self.cookie.borrow().clone()
    }

    /// The state as another request reads it now.
    pub(super) async fn state(&self) -> String {
        let answer = self.world.request("/do/", self.cookie().as_deref()).await;
        self.world.store.asked();
        answer.body
    }
}
