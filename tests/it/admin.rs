//! What a support team does: the functions, and the pages.

use actix_typed_session::{
    ErrorKind, Key, SessionMiddleware, SessionState, TypedSession,
    admin::{self, AdminScope, EventsPerMinute, Tally, Walk},
    change::{Change, NewRecord},
    id::{PublicId, Selector},
    record::{NotAPrincipal, Principal, Timestamp},
    store::{
        AnyStore, Created, Loaded, ManualClock, MemoryStore, PrincipalIndex, SessionStore, StoreError,
        StoreErrorKind, Sweep, Updated,
    },
    testing::{Condition, FaultyStore, TestSession},
};
use actix_web::{
    App, HttpRequest,
    dev::ServiceResponse,
    error::ErrorForbidden,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, LOCATION},
    test::{TestRequest, call_service, init_service, read_body},
    web,
};

#[derive(SessionState)]
#[session(name = "shop", version = 1, lock = off)]
struct Shop {
    #[session(principal)]
    user: Option<String>,
    #[session(default)]
    cart: Vec<u32>,
}

/// One of another version, which cannot read what an older one has stored.
mod later {
    #[derive(actix_typed_session::SessionState)]
    #[session(name = "shop", version = 2, oldest_reader = 2, lock = off)]
    pub(super) struct Shop {
        #[session(principal)]
        pub(super) user: Option<String>,
        #[session(default, since = 2)]
        visits: u32,
    }
}

async fn fill(store: &AnyStore) -> Vec<TestSession<Shop>> {
    let sessions = SessionMiddleware::new(store.clone(), Key::generate().unwrap());
    let mut visitors = Vec::new();
    for user in [Some("Ada"), Some("Ada"), Some("<Ben>"), None] {
        let arrange = |shop: &mut TypedSession<Shop>| {
            if let Some(user) = user {
                shop.set_user(user);
                shop.session().set_label("A <b> browser");
            }
            shop.set_cart(vec![4711]);
        };
        visitors.push(TestSession::<Shop>::with(&sessions, arrange).await.unwrap());
    }
    visitors
}

fn memory() -> AnyStore {
    AnyStore::new(MemoryStore::unbounded())
}

fn of(user: &str) -> Principal {
    TypedSession::<Shop>::principal_of(user).unwrap()
}

#[actix_web::test]
async fn a_user_is_found_and_signed_out_on_a_store_of_any_type() {
    let store = memory();
    let visitors = fill(&store).await;
    let page = store.sessions_page(&of("Ada"), None, 10).await.unwrap();
    assert_eq!((page.sessions.len(), page.next), (2, None));
    let one = &page.sessions[0];
    assert!(one.meta.created.to_string().starts_with("20"), "{}", one.meta.created);

    // A public id from a line of the log finds its session, which reads as a state.
    let id: PublicId = format!("{}", one.public_id()).parse().unwrap();
    let loaded = store.load(&id.into()).await.unwrap().unwrap();
    let shop = loaded.state::<Shop>().unwrap();
    assert_eq!((shop.user.as_deref(), &*shop.cart), (Some("Ada"), &[4711][..]));

    store.delete(&id.into(), None).await.unwrap();
    assert_eq!(store.load(&id.into()).await.unwrap(), None);
    assert_eq!(store.count_of(&of("Ada")).await.unwrap(), 1);
    assert_eq!(store.delete_all(&of("Ada"), None).await.unwrap(), 1);
    assert_eq!(visitors[0].state().await.unwrap().user(), None);
    assert_eq!(visitors[2].state().await.unwrap().user(), Some("<Ben>"));
}

#[actix_web::test]
async fn a_record_that_this_binary_is_too_old_for_is_an_error_and_no_state() {
    let store = memory();
    let sessions = SessionMiddleware::new(store.clone(), Key::generate().unwrap());
    TestSession::<later::Shop>::with(&sessions, |shop| shop.set_user("Ada")).await.unwrap();
    let selector = store.sessions_of(&of("Ada")).await.unwrap()[0].selector;
    let loaded = store.load(&selector).await.unwrap().unwrap();
    assert_eq!(loaded.state::<Shop>().map(drop).unwrap_err().kind(), ErrorKind::SchemaTooNew);
    assert_eq!(loaded.state::<later::Shop>().unwrap().user.as_deref(), Some("Ada"));
}

#[test]
fn a_user_is_written_as_people_write_it() {
    for (text, stored) in [
        ("shop.user=7", "shop.user=7"),
        (" shop.user=7 ", "shop.user=7"),
        ("shop.user=Ada", r#"shop.user="Ada""#),
        (r#"shop.user="7""#, r#"shop.user="7""#),
        ("shop.user=a=b \"c\"", r#"shop.user="a=b \"c\"""#),
        ("shop.user=00000000-0000", r#"shop.user="00000000-0000""#),
        ("shop.user = 7", "shop.user=7"),
        (r#"shop.user="\u0041da""#, r#"shop.user="Ada""#),
        ("shop.user=36893488147419103233", "shop.user=36893488147419103233"),
    ] {
        assert_eq!(text.parse::<Principal>().unwrap().as_str(), stored);
    }
    assert_eq!("shop.user=Ada".parse(), Ok(of("Ada")));
    for wrong in ["", "7", "Ada", "user=7", "shop.user", "shop.user="] {
        assert_eq!(wrong.parse::<Principal>(), Err(NotAPrincipal), "{wrong}");
    }
}

#[actix_web::test]
async fn a_walk_shows_each_session_once_in_pages_and_goes_on_where_it_was_left() {
    let store = memory();
    for _ in 0..20 {
        fill(&store).await;
    }
    let (mut ids, mut walk, mut pages) = (Vec::new(), Walk::of(&store), 0);
    while let Some(page) = walk.next(10).await.unwrap() {
        ids.extend(page.iter().map(|session| session.public_id));
        pages += 1;
        if let Some(cursor) = walk.cursor().cloned() {
            walk = Walk::after(&store, cursor);
        }
    }
    assert!(pages > 3, "{pages} pages");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 80);
}

#[actix_web::test]
async fn a_tally_counts_sessions_users_and_versions() {
    let store = memory();
    fill(&store).await;
    let sessions = SessionMiddleware::new(store.clone(), Key::generate().unwrap());
    TestSession::<later::Shop>::with(&sessions, |shop| shop.set_user("Ada")).await.unwrap();
    let tally = Tally::of(&store, u64::MAX).await.unwrap();
    assert_eq!((tally.sessions, tally.signed_in, tally.users(), tally.complete), (5, 4, 2, true));
    let shop = &tally.schemas["shop"];
    assert_eq!((shop.sections, &shop.readable_from), (5, &[(Some(1), 4), (Some(2), 1)].into()));
    assert_eq!(tally.schemas.len(), 1);
    let part = Tally::of(&store, 3).await.unwrap();
    assert_eq!((part.sessions, part.complete), (3, false));
    assert!(Tally::of(&store, 5).await.unwrap().complete);
}

#[actix_web::test]
async fn a_store_of_any_type_is_swept() {
    let clock = ManualClock::at(Timestamp::from_millis(0));
    let memory = MemoryStore::unbounded().with_clock(clock.clone());
    let store = AnyStore::new(memory.clone());
    fill(&store).await;
    clock.advance(std::time::Duration::from_hours(24));
    assert_eq!((memory.len(), store.sweep(100).await.unwrap(), memory.len()), (4, 4, 0));
    let never = AnyStore::new(FaultyStore::over(Nothing));
    assert_eq!(never.sweep(1).await.unwrap_err().kind(), StoreErrorKind::Unsupported);
}

/// A store without any ability.
struct Nothing;

impl SessionStore for Nothing {
    async fn load(&self, _: &Selector) -> Result<Option<Loaded>, StoreError> {
        Ok(None)
    }

    async fn create(&self, _: &Selector, _: &NewRecord) -> Result<Created, StoreError> {
        Ok(Created::Created)
    }

    async fn update(&self, _: &Selector, _: &Change) -> Result<Updated, StoreError> {
        Ok(Updated::Gone)
    }

    async fn delete(&self, _: &Selector, _: Option<&Principal>) -> Result<(), StoreError> {
        Ok(())
    }
}

// ── the pages ──

/// Lets in who says so.
async fn polite(request: HttpRequest) -> Result<(), actix_web::Error> {
    if request.headers().contains_key("please") { Ok(()) } else { Err(ErrorForbidden("say please")) }
}

fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path).insert_header(("please", "yes"))
}

fn post(path: &str, form: &[(&str, &str)]) -> TestRequest {
    TestRequest::post().uri(path).insert_header(("please", "yes")).set_form(form)
}

/// The status, the place that a redirect names, and the page.
async fn ask(scope: AdminScope, request: TestRequest) -> (u16, String, String) {
    let app = init_service(App::new().service(web::scope("/in").service(scope))).await;
    let response = call_service(&app, request.to_request()).await;
    let place = response.headers().get(LOCATION).map_or("", |place| place.to_str().unwrap()).to_owned();
    let status = response.status().as_u16();
    (status, place, text(response).await)
}

async fn text(response: ServiceResponse) -> String {
    String::from_utf8(read_body(response).await.to_vec()).unwrap()
}

fn desk(store: &AnyStore) -> AdminScope {
    admin::scope("/admin", store.clone(), polite)
}

#[actix_web::test]
async fn nobody_passes_whom_the_guard_does_not_let_in() {
    let store = memory();
    let id = fill(&store).await[0].state().await.unwrap().session().public_id().unwrap().to_string();
    for path in [
        "",
        "/",
        "/user?of=shop.user=7",
        "/session?id=x",
        "/schemas",
        "/events",
        "/health",
        "/style.css",
        "/none",
    ] {
        let request = TestRequest::get().uri(&format!("/in/admin{path}"));
        assert_eq!(ask(desk(&store), request).await.0, 403, "{path}");
    }
    let end = TestRequest::post().uri("/in/admin/end").set_form([("id", &id)]);
    assert_eq!(ask(desk(&store).allow_ending(), end).await.0, 403);
    assert!(store.load(&id.parse::<PublicId>().unwrap().into()).await.unwrap().is_some());
}

#[actix_web::test]
async fn the_pages_show_sessions_and_no_value() {
    let store = memory();
    let visitor = &fill(&store).await[2];
    let id = visitor.state().await.unwrap().session().public_id().unwrap().to_string();
    let (status, place, _) = ask(desk(&store), get("/in/admin")).await;
    assert_eq!((status, &*place), (303, "./admin/"));

    let (status, _, page) = ask(desk(&store), get("/in/admin/")).await;
    assert_eq!(status, 200);
    assert_eq!(page.matches("<a href=\"session?id=").count(), 4, "{page}");
    assert!(page.contains("user?of=shop%2Euser%3D%22Ada%22"), "{page}");
    assert!(page.contains("A &lt;b&gt; browser") && !page.contains("<b>"), "{page}");

    let (status, _, page) = ask(desk(&store), get(&format!("/in/admin/session?id={id}"))).await;
    assert_eq!(status, 200);
    assert!(page.contains("shop.cart") && page.contains("&lt;Ben&gt;"), "{page}");
    assert!(!page.contains("4711"), "{page}");

    let (status, _, page) = ask(desk(&store), get("/in/admin/schemas")).await;
    assert_eq!(status, 200);
    assert!(page.contains("<span>version 1 and later</span> <strong>4</strong>"), "{page}");

    let (status, _, page) = ask(desk(&store), get("/in/admin/health")).await;
    assert!(status == 200 && page.contains("The store answers."), "{page}");
}

#[actix_web::test]
async fn the_page_of_events_counts_what_its_observer_is_told() {
    let (store, events) = (memory(), EventsPerMinute::default());
    let (_, _, page) = ask(desk(&store), get("/in/admin/events")).await;
    assert!(page.contains("Nobody counts the events"), "{page}");
    let (_, _, page) = ask(desk(&store).events(events.clone()), get("/in/admin/events")).await;
    assert!(page.contains("None in the last hour."), "{page}");

    let builder = SessionMiddleware::builder(store.clone(), Key::generate().unwrap());
    let sessions = builder.observer(events.clone()).build().unwrap();
    for user in ["Ada", "Ben"] {
        TestSession::<Shop>::with(&sessions, |shop| shop.set_user(user)).await.unwrap();
    }
    let (_, _, page) = ask(desk(&store).events(events), get("/in/admin/events")).await;
    let row = page.split("<tr>").find(|row| row.contains("<code>signed_in</code>")).unwrap();
    assert!(row.contains("<td class=\"number\">2</td>") && row.contains("<rect"), "{row}");
}

#[actix_web::test]
async fn what_is_searched_for_leads_to_its_page() {
    let id = "AAECAwQFBgcICQoLDA0ODw";
    for (text, status, place) in [
        (id, 303, "session?id=AAECAwQFBgcICQoLDA0ODw"),
        ("shop.user%3DAda", 303, "user?of=shop%2Euser%3D%22Ada%22"),
        ("%3Cscript%3E", 404, ""),
    ] {
        let (found, to, page) = ask(desk(&memory()), get(&format!("/in/admin/find?q={text}"))).await;
        assert_eq!((found, &*to), (status, place));
        assert!(!page.contains("<script"), "{page}");
    }
    let (status, _, page) = ask(desk(&memory()), get(&format!("/in/admin/session?id={id}"))).await;
    assert!(status == 404 && page.contains("There is no such session"), "{page}");
}

#[actix_web::test]
async fn the_pages_only_read_until_they_are_told_otherwise() {
    let store = memory();
    fill(&store).await;
    let list = "/in/admin/user?of=shop.user%3D%22Ada%22";
    let (status, _, page) = ask(desk(&store), get(list)).await;
    assert!(status == 200 && !page.contains("method=\"post\""), "{page}");
    let ada = of("Ada");
    let (status, ..) = ask(desk(&store), post("/in/admin/end-all", &[("of", ada.as_str())])).await;
    assert_eq!((status, store.count_of(&ada).await.unwrap()), (404, 2));

    let (_, _, page) = ask(desk(&store).allow_ending(), get(list)).await;
    assert_eq!(page.matches("<button class=\"end\"").count(), 3, "{page}");
    let id = store.sessions_of(&ada).await.unwrap()[0].public_id().to_string();
    // The button is one of a list that is out of date: the session is not Ben's.
    let form = [("id", &*id), ("of", "shop.user=\"Ben\"")];
    let (status, place, _) = ask(desk(&store).allow_ending(), post("/in/admin/end", &form)).await;
    assert_eq!((status, store.count_of(&ada).await.unwrap()), (303, 2));
    assert_eq!(place, "user?of=shop%2Euser%3D%22Ben%22&ended=0");
    let form = [("id", &*id), ("of", ada.as_str())];
    let (status, place, _) = ask(desk(&store).allow_ending(), post("/in/admin/end", &form)).await;
    assert_eq!((status, &*place), (303, "user?of=shop%2Euser%3D%22Ada%22&ended=1"));
    assert_eq!(store.count_of(&ada).await.unwrap(), 1);
    let (status, place, _) =
        ask(desk(&store).allow_ending(), post("/in/admin/end-all", &[("of", ada.as_str())])).await;
    assert!(status == 303 && place.ends_with("&ended=1"), "{place}");
    assert_eq!(store.count_of(&ada).await.unwrap(), 0);
    let (_, _, page) = ask(desk(&store), get(&format!("/in/admin/{place}"))).await;
    assert!(page.contains("role=\"status\">1 session ended.<"), "{page}");
}

#[actix_web::test]
async fn a_page_of_another_site_ends_nothing() {
    let store = memory();
    fill(&store).await;
    let ada = of("Ada");
    for header in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        let request = post("/in/admin/end-all", &[("of", ada.as_str())]).insert_header(header);
        assert_eq!(ask(desk(&store).allow_ending(), request).await.0, 403, "{header:?}");
    }
    assert_eq!(store.count_of(&ada).await.unwrap(), 2);
}

#[actix_web::test]
async fn nothing_is_kept_and_nothing_is_loaded_from_elsewhere() {
    let app = init_service(App::new().service(desk(&memory()))).await;
    // A refusal too.
    let refused = post("/admin/", &[]).insert_header(("sec-fetch-site", "cross-site"));
    let response = call_service(&app, refused.to_request()).await;
    assert_eq!(
        (response.status().as_u16(), response.headers().get(CACHE_CONTROL).unwrap()),
        (403, &HeaderValue::from_static("no-store"))
    );
    let response = call_service(&app, get("/admin/").to_request()).await;
    assert_eq!(response.headers().get(CACHE_CONTROL).unwrap(), "no-store");
    let policy = response.headers().get(CONTENT_SECURITY_POLICY).unwrap().to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    let page = text(response).await;
    assert!(!page.contains("<script") && !page.contains("http"), "{page}");
}

#[actix_web::test]
async fn a_store_that_fails_is_a_page() {
    let faulty = FaultyStore::over(MemoryStore::unbounded());
    let store = AnyStore::new(faulty.clone());
    faulty.set(Condition::Down);
    for path in ["", "user?of=shop.user%3D7", "session?id=AAECAwQFBgcICQoLDA0ODw", "schemas", "health"] {
        let (status, _, page) = ask(desk(&store), get(&format!("/in/admin/{path}"))).await;
        assert!(status == 503 && page.contains("class=\"alarm\""), "{path}: {page}");
    }
    let (status, _, page) = ask(desk(&AnyStore::new(Nothing)), get("/in/admin/")).await;
    assert!(status == 501 && page.contains("cannot do this"), "{page}");
}
