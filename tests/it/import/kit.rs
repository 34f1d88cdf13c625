//! An old store, the cookies of its sessions, and the application that takes them over.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_typed_session::{
    Event, Key, NotSignedIn, Session, SessionHome, SessionMiddleware, SessionMiddlewareBuilder, SessionState,
    TypedSession,
    import::{ActixSession, OldRecord, OldStore},
    record::Timestamp,
    store::{ManualClock, MemoryStore, StoreError, StoreErrorKind},
};
use actix_web::{
    App, HttpResponse,
    cookie::{self, Cookie, CookieJar},
    http::header::{COOKIE, SET_COOKIE},
    test::TestRequest,
    web,
};
use tokio::sync::Notify;

use crate::in_process::{Answer, Answering, start};

#[derive(SessionState)]
#[session(name = "shop", version = 1, lock = off)]
pub(super) struct Shop {
    #[session(principal)]
    pub(super) user: Option<u64>,
    #[session(default)]
    pub(super) cart: Vec<u32>,
    #[session(default, reset_on_sign_in)]
    step: u32,
    #[session(expires_after = "1h")]
    code: Option<String>,
}

/// The session of a user, as actix-session 0.11 stores it.
pub(super) const ADA: &str = r#"{"user":"7","cart":"[1,2]","step":"3","code":"\"x\"","other":"true"}"#;

pub(super) fn old_key() -> cookie::Key {
    cookie::Key::from(&[7; 64])
}

/// The cookie of an old session, as `name=value`.
pub(super) fn old_cookie(content: &str, key: &cookie::Key) -> String {
    let mut jar = CookieJar::new();
    jar.private_mut(key).add(Cookie::new("id", content.to_owned()));
    jar.delta().map(|cookie| cookie.encoded().to_string()).collect()
}

/// The call of the old store that something happens to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Call {
    Load,
    Delete,
}

/// An old store in memory. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Shelf(Arc<Inner>);

#[derive(Default)]
struct Inner {
    records: Mutex<HashMap<String, String>>,
    calls: Mutex<Vec<Call>>,
    /// The next call of this kind waits, a load after it has read and a delete before it deletes.
    held: Mutex<Option<Call>>,
    waits: Notify,
    goes_on: Notify,
    /// Calls of this kind fail.
    down: Mutex<Option<Call>>,
}

impl Shelf {
    pub(super) fn with(key: &str, text: &str) -> Self {
        let shelf = Self::default();
        shelf.0.records.lock().unwrap().insert(key.into(), text.into());
        shelf
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.0.records.lock().unwrap().contains_key(key)
    }

    pub(super) fn remove(&self, key: &str) {
        self.0.records.lock().unwrap().remove(key);
    }

    /// The calls since the last time.
    pub(super) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.0.calls.lock().unwrap())
    }

    pub(super) fn hold(&self, call: Call) {
        *self.0.held.lock().unwrap() = Some(call);
    }

    /// Returns when a call is held.
    pub(super) async fn until_held(&self) {
        self.0.waits.notified().await;
    }

    /// Returns when the store was asked so often for a record.
    pub(super) async fn until_loads(&self, count: usize) {
        while self.0.calls.lock().unwrap().iter().filter(|call| **call == Call::Load).count() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub(super) fn let_go(&self) {
        self.0.goes_on.notify_one();
    }

    pub(super) fn fail(&self, call: Option<Call>) {
        *self.0.down.lock().unwrap() = call;
    }

    async fn called(&self, call: Call) -> Result<(), StoreError> {
        self.0.calls.lock().unwrap().push(call);
        if *self.0.down.lock().unwrap() == Some(call) {
            return Err(StoreError::new(StoreErrorKind::Unavailable));
        }
        let is_held = self.0.held.lock().unwrap().take_if(|held| *held == call).is_some();
        if is_held {
            self.0.waits.notify_one();
            self.0.goes_on.notified().await;
        }
        Ok(())
    }
}

impl OldStore for Shelf {
    async fn load(&self, key: &str) -> Result<Option<OldRecord>, StoreError> {
        let found = self.0.records.lock().unwrap().get(key).cloned();
        self.called(Call::Load).await?;
        Ok(found.map(|text| OldRecord::new(text, Some(Duration::from_mins(1)))))
    }

    async fn delete(&self, key: &str) -> Result<bool, StoreError> {
        self.called(Call::Delete).await?;
        Ok(self.0.records.lock().unwrap().remove(key).is_some())
    }
}

/// The application on this crate.
pub(super) struct World {
    pub(super) shelf: Shelf,
    pub(super) store: MemoryStore,
    pub(super) clock: ManualClock,
    told: Arc<Mutex<Vec<String>>>,
    call: Box<dyn Fn(TestRequest) -> Answering>,
}

impl Answer {
    /// The lines of `Set-Cookie`.
    pub(super) fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all(SET_COOKIE).map(|line| line.to_str().unwrap()).collect()
    }
}

pub(super) fn by_name(shelf: &Shelf) -> ActixSession {
    ActixSession::in_store(shelf.clone(), old_key()).into_state::<Shop>()
}

impl World {
    /// The application beside an old store, which it imports by name.
    pub(super) async fn new(shelf: Shelf) -> Self {
        let old = by_name(&shelf);
        Self::with(shelf, |builder| builder.import(old)).await
    }

    pub(super) async fn with(
        shelf: Shelf,
        choose: impl FnOnce(SessionMiddlewareBuilder) -> SessionMiddlewareBuilder,
    ) -> Self {
        let clock = ManualClock::at(Timestamp::from_millis(1_000_000));
        let store = MemoryStore::unbounded().with_clock(clock.clone());
        Self::over(store.clone(), store, clock, shelf, choose).await
    }

    /// The next release of the application, over the same stores.
    pub(super) async fn released(
        self,
        choose: impl FnOnce(SessionMiddlewareBuilder) -> SessionMiddlewareBuilder,
    ) -> Self {
        Self::over(self.store.clone(), self.store, self.clock, self.shelf, choose).await
    }

    pub(super) async fn over(
        home: impl SessionHome,
        store: MemoryStore,
        clock: ManualClock,
        shelf: Shelf,
        choose: impl FnOnce(SessionMiddlewareBuilder) -> SessionMiddlewareBuilder,
    ) -> Self {
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let telling = told.clone();
        let key = Key::try_from(b"0123456789abcdef0123456789abcdef".as_slice()).unwrap();
        let builder = SessionMiddleware::builder(home, key).observer(move |event: &Event<'_>| match event {
            Event::StoreAnswered { .. } => {}
            event => telling.lock().unwrap().push(event.name().to_owned()),
        });
        let app = App::new().wrap(choose(builder).build().unwrap()).configure(routes);
        let call = start(app).await;
        Self { shelf, store, clock, told, call }
    }

    /// The events since the last time.
    pub(super) fn told(&self) -> String {
        std::mem::take(&mut *self.told.lock().unwrap()).join(" ")
    }

    /// A browser with the old cookie of the record `key`.
    pub(super) fn visitor(&self, key: &str) -> Visitor<'_> {
        self.browser(&old_cookie(key, &old_key()))
    }

    /// A browser with this `name=value`.
    pub(super) fn browser(&self, cookie: &str) -> Visitor<'_> {
        let (name, value) = cookie.split_once('=').unwrap();
        let cookies = RefCell::new(BTreeMap::from([(name.to_owned(), value.to_owned())]));
        Visitor { world: self, cookies }
    }
}

/// A browser, which takes cookies as browsers do. A clone has a copy of its cookies.
#[derive(Clone)]
pub(super) struct Visitor<'a> {
    world: &'a World,
    cookies: RefCell<BTreeMap<String, String>>,
}

impl Visitor<'_> {
    /// Sends a request and takes the cookies of the answer.
    pub(super) async fn get(&self, path: &str) -> Answer {
        let answer = self.lose(path).await;
        for line in answer.set_cookies() {
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            if line.contains("Max-Age=0") {
                self.cookies.borrow_mut().remove(name);
            } else {
                self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// Sends a request whose answer does not arrive.
    pub(super) async fn lose(&self, path: &str) -> Answer {
        let pairs: Vec<_> =
            self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = TestRequest::get().uri(path);
        if !pairs.is_empty() {
            request = request.insert_header((COOKIE, pairs.join("; ")));
        }
        (self.world.call)(request).await
    }

    /// The body of an answer that must be good.
    pub(super) async fn body(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// The names of its cookies.
    pub(super) fn cookies(&self) -> String {
        self.cookies.borrow().keys().cloned().collect::<Vec<_>>().join(" ")
    }

    /// Takes this cookie beside those that it has.
    pub(super) fn take(&self, cookie: &str) {
        let (name, value) = cookie.split_once('=').unwrap();
        self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
    }

    pub(super) fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.borrow().get(name).cloned()
    }
}

fn routes(app: &mut web::ServiceConfig) {
    async fn show(shop: TypedSession<Shop>) -> String {
        format!("{:?} {:?} {} {:?}", shop.user(), shop.cart(), shop.step(), shop.code())
    }
    async fn add(mut shop: TypedSession<Shop>, number: web::Path<u32>) -> String {
        let number = number.into_inner();
        shop.update_cart(move |cart| cart.push(number));
        format!("{:?}", shop.cart())
    }
    async fn sign_in(mut shop: TypedSession<Shop>, user: web::Path<u64>) -> &'static str {
        shop.set_user(user.into_inner());
        "in"
    }
    async fn sign_out(session: Session) -> &'static str {
        session.purge();
        "out"
    }
    async fn recently(session: Session) -> Result<&'static str, NotSignedIn> {
        session.signed_in_within(Duration::from_mins(5))?;
        Ok("recently")
    }
    async fn count(session: Session) -> Result<String, actix_typed_session::Error> {
        Ok(session.sessions().await?.len().to_string())
    }
    app.route("/show", web::get().to(show))
        .route("/add/{number}", web::get().to(add))
        .route("/in/{user}", web::get().to(sign_in))
        .route("/out", web::get().to(sign_out))
        .route("/recently", web::get().to(recently))
        .route("/count", web::get().to(count))
        .route(
            "/both",
            web::get().to(async |_: Session, shop: TypedSession<Shop>| format!("{:?}", shop.user())),
        )
        .route("/none", web::get().to(HttpResponse::Ok));
}
