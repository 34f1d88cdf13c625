//! What the feature `testing` gives to applications.

use std::time::{Duration, Instant};

use actix_typed_session::{
    CsrfForm, Error, ErrorKind, Key, Session, SessionExt, SessionMiddleware, SessionState, SignedIn,
    TypedSession,
    change::{Change, NewRecord},
    id::Selector,
    record::Principal,
    store::{Abilities, Created, Loaded, MemoryStore, SessionStore, StoreError, StoreErrorKind, Updated},
    testing::{Condition, Detached, FaultyStore, TestSession},
};
use actix_web::{
    App, FromRequest, HttpResponse,
    body::{BoxBody, EitherBody},
    dev::ServiceResponse,
    http::header::{COOKIE, SET_COOKIE},
    test::{TestRequest, call_service, init_service},
    web,
};

#[derive(SessionState)]
#[session(name = "shop", version = 1, lock = off)]
struct Shop {
    #[session(principal)]
    user: Option<u64>,
    #[session(default)]
    cart: Vec<u32>,
}

fn sessions() -> SessionMiddleware {
    SessionMiddleware::new(MemoryStore::unbounded(), Key::generate().unwrap())
}

async fn add(mut shop: TypedSession<Shop>) -> String {
    shop.update_cart(|cart| cart.push(11));
    format!("{:?} {:?}", shop.user(), shop.cart())
}

async fn sign_in(mut shop: TypedSession<Shop>) -> HttpResponse {
    shop.set_user(7);
    HttpResponse::Ok().finish()
}

async fn sign_out(session: Session) -> HttpResponse {
    session.purge();
    HttpResponse::Ok().finish()
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/add", web::to(add))
        .route("/in", web::to(sign_in))
        .route("/out", web::to(sign_out))
        .route("/button", web::post().to(|_: CsrfForm<()>| async { "pressed" }))
        .route("/plain", web::to(HttpResponse::Ok));
}

fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path)
}

#[actix_web::test]
async fn a_visitor_submits_the_forms_of_its_pages() {
    let sessions = sessions();
    let app = init_service(App::new().wrap(sessions.clone()).configure(routes)).await;
    let ada = TestSession::<Shop>::with(&sessions, |shop| shop.set_user(7)).await.unwrap();
    let stranger = TestSession::<Shop>::with(&sessions, |_| ()).await.unwrap();
    let button = || TestRequest::post().uri("/button").set_form(());
    for (request, status) in [
        (ada.sends(button()), 403),
        (ada.submits(button()).await.unwrap(), 200),
        (stranger.submits(button()).await.unwrap(), 200),
    ] {
        assert_eq!(call_service(&app, request.to_request()).await.status(), status);
    }
}

#[actix_web::test]
async fn a_visitor_keeps_cookies_as_a_browser_does() {
    let sessions = sessions();
    let app = init_service(App::new().wrap(sessions.clone()).configure(routes)).await;
    let mut ada = TestSession::<Shop>::with(&sessions, |shop| shop.set_cart(vec![1])).await.unwrap();
    let before = ada.clone();
    assert_eq!(ada.header().unwrap().0, COOKIE);

    // The sign-in renews the id. The copy has the cookie of before, which is dead.
    let response = call_service(&app, ada.sends(get("/in")).to_request()).await;
    ada.receives(&response);
    assert_ne!(ada.header(), before.header());
    assert_eq!((ada.state().await.unwrap().user(), ada.state().await.unwrap().cart()), (Some(7), &[1][..]));
    assert!(before.state().await.unwrap().cart().is_empty());

    // A response without a cookie changes nothing, and a removal is a removal.
    let kept = ada.header();
    let response = call_service(&app, ada.sends(get("/add")).to_request()).await;
    assert!(!response.headers().contains_key(SET_COOKIE));
    ada.receives(&response);
    assert_eq!(ada.header(), kept);
    ada.receives(&call_service(&app, ada.sends(get("/out")).to_request()).await);
    assert_eq!(ada.header(), None);
    assert_eq!(ada.state().await.unwrap().user(), None);
    assert!(!format!("{before:?}").contains("1."), "{before:?}");
}

#[actix_web::test]
async fn a_visitor_for_whom_nothing_is_set_has_no_session() {
    let nobody = TestSession::<Shop>::with(&sessions(), |_| ()).await.unwrap();
    assert_eq!(nobody.header(), None);
    assert!(!nobody.state().await.unwrap().session().exists());
}

#[actix_web::test]
async fn an_id_travels_in_the_header_that_the_middleware_reads() {
    let store = MemoryStore::unbounded();
    let sessions = SessionMiddleware::builder(store, Key::generate().unwrap()).id_header("x-session-id");
    let sessions = sessions.build().unwrap();
    let app = init_service(App::new().wrap(sessions.clone()).configure(routes)).await;
    let mut ada = TestSession::<Shop>::with(&sessions, |shop| shop.set_user(7)).await.unwrap();
    assert_eq!(ada.header().unwrap().0, "x-session-id");
    ada.receives(&call_service(&app, ada.sends(get("/add")).to_request()).await);
    assert_eq!(ada.state().await.unwrap().cart(), [11]);
    ada.receives(&call_service(&app, ada.sends(get("/out")).to_request()).await);
    assert_eq!(ada.header(), None);
}

#[actix_web::test]
async fn what_is_set_on_a_state_that_was_read_back_is_stored_by_save_alone() {
    let ada = TestSession::<Shop>::with(&sessions(), |shop| shop.set_user(7)).await.unwrap();
    let mut shop = ada.state().await.unwrap();
    shop.set_cart(vec![5]);
    assert!(ada.state().await.unwrap().cart().is_empty());
    shop.session().save().await.unwrap();
    assert_eq!(ada.state().await.unwrap().cart(), [5]);
}

/// The state in a response of the body `B`.
fn cart_in<B>(response: &ServiceResponse<B>) -> Result<Vec<u32>, Error> {
    Ok(response.typed_session::<Shop>()?.cart().to_vec())
}

#[actix_web::test]
async fn the_state_is_in_a_response_of_any_body() {
    let sessions = sessions();
    let app = init_service(App::new().wrap(sessions).configure(routes)).await;
    let response: ServiceResponse<EitherBody<BoxBody>> = call_service(&app, get("/add").to_request()).await;
    assert_eq!(cart_in(&response).unwrap(), [11]);
    assert_eq!(cart_in(&response.map_into_boxed_body()).unwrap(), [11]);
    let plain = call_service(&app, get("/plain").to_request()).await;
    assert_eq!(cart_in(&plain).unwrap_err().kind(), ErrorKind::NotLoaded);
}

#[actix_web::test]
async fn a_handler_is_called_as_a_function() {
    let visit = Detached::new();
    visit.state::<Shop>().unwrap().set_user(7);
    assert_eq!(add(visit.state::<Shop>().unwrap()).await, "Some(7) [11]");
    assert_eq!(visit.state::<Shop>().unwrap().cart(), [11]);
    visit.session().save().await.unwrap();
    assert!(visit.session().exists());
    assert_eq!(sign_out(visit.session()).await.status(), 200);
    assert_eq!(visit.state::<Shop>().unwrap().user(), None);
    // Another one is another visitor.
    assert_eq!(add(Detached::new().state::<Shop>().unwrap()).await, "None [11]");
}

#[actix_web::test]
async fn every_extractor_works_on_a_request_that_was_attached() {
    let (visit, request) = (Detached::new(), TestRequest::default().to_http_request());
    assert!(Session::extract(&request).await.is_err());
    visit.attach(&request);
    assert!(SignedIn::<Shop>::extract(&request).await.is_err());
    TypedSession::<Shop>::extract(&request).await.unwrap().set_user(7);
    assert_eq!(*SignedIn::<Shop>::extract(&request).await.unwrap(), 7);
    assert_eq!(visit.state::<Shop>().unwrap().user(), Some(7));
}

#[actix_web::test]
async fn a_store_does_what_its_condition_says() {
    let store = FaultyStore::over(MemoryStore::unbounded());
    let sessions = SessionMiddleware::new(store.clone(), Key::generate().unwrap());
    let app = init_service(App::new().wrap(sessions.clone()).configure(routes)).await;
    let ada = TestSession::<Shop>::with(&sessions, |shop| shop.set_user(7)).await.unwrap();
    // What a read and a write are answered, and how many teas are in the cart then.
    let cases = [
        (Condition::Healthy, 200, 200, 1),
        (Condition::ReadOnly, 200, 503, 1),
        (Condition::Full, 200, 503, 1),
        (Condition::LosesAnswers, 200, 503, 2),
        (Condition::Down, 503, 503, 2),
    ];
    for (condition, read, write, teas) in cases {
        store.set(condition);
        let probe = store.load(&Selector::from_bytes([0; 16])).await;
        assert_eq!(probe.is_ok(), read == 200, "{condition:?}");
        let response = call_service(&app, ada.sends(get("/add")).to_request()).await;
        assert_eq!(response.status(), write, "{condition:?}");
        store.set(Condition::Healthy);
        assert_eq!(ada.state().await.unwrap().cart().len(), teas, "{condition:?}");
    }
    assert!(format!("{store:?}").contains("Healthy"));
}

#[actix_web::test]
async fn a_call_to_a_stalled_store_is_carried_out_when_it_goes_on() {
    let store = FaultyStore::over(MemoryStore::unbounded());
    let deadline = Duration::from_millis(50);
    let sessions =
        SessionMiddleware::builder(store.clone(), Key::generate().unwrap()).load_deadline(deadline);
    let sessions = sessions.build().unwrap();
    let app = init_service(App::new().wrap(sessions.clone()).configure(routes)).await;
    let ada = TestSession::<Shop>::with(&sessions, |shop| shop.set_user(7)).await.unwrap();
    store.set(Condition::Stalled);
    let begun = Instant::now();
    assert_eq!(call_service(&app, ada.sends(get("/add")).to_request()).await.status(), 503);
    assert!(begun.elapsed() >= deadline);

    let selector = Selector::from_bytes([0; 16]);
    let (answer, ()) = tokio::join!(biased; store.load(&selector), async { store.set(Condition::Healthy) });
    assert_eq!(answer.unwrap(), None);
}

#[actix_web::test]
async fn a_faulty_store_has_the_abilities_of_the_one_within_and_no_other() {
    /// Announces nothing.
    struct Plain(MemoryStore);

    impl SessionStore for Plain {
        async fn load(&self, selector: &Selector) -> Result<Option<Loaded>, StoreError> {
            self.0.load(selector).await
        }

        async fn create(&self, selector: &Selector, record: &NewRecord) -> Result<Created, StoreError> {
            self.0.create(selector, record).await
        }

        async fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
            self.0.update(selector, change).await
        }

        async fn delete(&self, selector: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
            self.0.delete(selector, only_if).await
        }
    }

    let abilities = |abilities: Abilities<'_>| (abilities.has_index(), abilities.has_scan());
    let plain = FaultyStore::over(Plain(MemoryStore::unbounded()));
    assert_eq!(abilities(plain.abilities()), (false, false));
    let store = FaultyStore::over(MemoryStore::unbounded());
    assert_eq!(abilities(store.abilities()), abilities(MemoryStore::unbounded().abilities()));
    store.set(Condition::Down);
    let principal = TypedSession::<Shop>::principal_of(7).unwrap();
    let ended = store.abilities().delete_all(&principal, None).await;
    assert_eq!(ended.unwrap_err().kind(), StoreErrorKind::Unavailable);
}
