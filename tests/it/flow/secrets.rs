//! Secret fields: what the store holds of them, who can read it, and what becomes of it when keys or schemas change.

use std::sync::Arc;

use actix_typed_session::{
    Key, Keys, SealedCookie, SessionHome, SessionMiddleware, SessionState, TypedSession, census,
    change::{CellWrite, Change},
    id::Selector,
    record::{Cell, Json, Record, WireKey},
    store::{Loaded, MemoryStore, Scan, SessionStore},
};
use actix_web::{
    App,
    dev::Service,
    http::header::{COOKIE, SET_COOKIE},
    test::{TestRequest, init_service, read_body},
    web::{self, Path},
};

use super::{
    kit::key,
    logged::Logged,
    script::{Fault, Script},
};

#[derive(SessionState)]
#[session(name = "vault", version = 1, lock = off)]
struct Vault {
    #[session(principal)]
    user: Option<u64>,
    #[session(secret)]
    token: Option<String>,
    #[session(secret, default)]
    codes: Vec<u32>,
    #[session(default)]
    note: String,
}

/// The same state in a release in which other fields are secret.
mod other {
    use actix_typed_session::SessionState;

    #[derive(SessionState)]
    #[session(name = "vault", version = 1, lock = off)]
    pub(super) struct Vault {
        #[session(principal)]
        pub(super) user: Option<u64>,
        pub(super) token: Option<String>,
        #[session(default)]
        pub(super) codes: Vec<u32>,
        #[session(secret, default)]
        pub(super) note: String,
    }
}

/// The next release, in which a secret has another form.
mod next {
    use actix_typed_session::SessionState;

    #[derive(SessionState)]
    #[session(name = "vault", version = 2, lock = off)]
    pub(super) struct Vault {
        #[session(principal)]
        pub(super) user: Option<u64>,
        #[session(secret)]
        pub(super) token: Option<String>,
        #[session(secret, default, changed(since = 2, from = Vec<u32>, up = to_text, down = to_numbers))]
        pub(super) codes: Vec<String>,
        #[session(default)]
        pub(super) note: String,
    }

    pub(super) fn to_text(codes: Vec<u32>) -> Vec<String> {
        codes.into_iter().map(|code| code.to_string()).collect()
    }

    pub(super) fn to_numbers(codes: Vec<String>) -> Vec<u32> {
        codes.into_iter().filter_map(|code| code.parse().ok()).collect()
    }
}

macro_rules! routes {
    ($name:ident, $vault:ty, $code:expr) => {
        fn $name(routes: &mut web::ServiceConfig) {
            let act = async |mut vault: TypedSession<$vault>, words: Path<String>| {
                for word in words.split(',') {
                    match word.split_once(':').unwrap_or((word, "")) {
                        ("token", text) => vault.set_token(text),
                        ("clear", _) => vault.clear_token(),
                        ("note", text) => vault.set_note(text),
                        ("code", _) => vault.update_codes(|codes| codes.push($code)),
                        ("in", _) => vault.set_user(4),
                        _ => {}
                    }
                }
                format!("{:?} {:?} {:?} {:?}", vault.user(), vault.token(), vault.codes(), vault.note())
            };
            routes.route("/{words:.*}", web::get().to(act));
        }
    };
}
routes!(ours, Vault, 777_001);
routes!(others, other::Vault, 777_001);
routes!(nexts, next::Vault, "777002".to_owned());

type Routes = fn(&mut web::ServiceConfig);

/// Sends one request to an instance of its own, and keeps the cookie.
async fn send(
    home: impl SessionHome,
    keys: impl Into<Keys>,
    routes: Routes,
    jar: &mut Option<String>,
    words: &str,
) -> (u16, String) {
    let app = init_service(App::new().wrap(SessionMiddleware::new(home, keys)).configure(routes)).await;
    let mut request = TestRequest::get().uri(&format!("/{words}"));
    if let Some(cookie) = jar {
        request = request.insert_header((COOKIE, cookie.as_str()));
    }
    let response = app.call(request.to_request()).await.unwrap();
    if let Some(line) = response.headers().get(SET_COOKIE) {
        *jar = line.to_str().unwrap().split(';').next().map(str::to_owned);
    }
    let status = response.status().as_u16();
    (status, String::from_utf8(read_body(response).await.to_vec()).unwrap())
}

/// The records as the store holds them.
async fn records(store: &MemoryStore) -> Vec<(Selector, Arc<Record>)> {
    let (mut records, mut from) = (Vec::new(), None);
    loop {
        let page = store.scan(from.as_ref(), 100).await.unwrap();
        for selector in page.selectors {
            let Loaded { record, .. } = store.load(&selector).await.unwrap().unwrap();
            records.push((selector, record));
        }
        from = page.next;
        if from.is_none() {
            return records;
        }
    }
}

/// The only record's cell.
async fn cell(store: &MemoryStore, key: &str) -> Cell {
    records(store).await[0].1.cell(key).unwrap().clone()
}

async fn put(store: &MemoryStore, selector: &Selector, key: &'static str, json: Json) {
    let mut change = Change::default();
    change.write.push(CellWrite::new(WireKey::from_static(key), json));
    store.update(selector, &change).await.unwrap();
}

fn other_key() -> Key {
    Key::try_from(b"another-key-of-32-bytes-for-test".as_slice()).unwrap()
}

/// OWASP ASVS 5.0 11.3.1.
#[actix_web::test]
async fn a_secret_is_sealed_in_the_store_and_plain_to_handlers() {
    let (store, mut jar) = (MemoryStore::unbounded(), None);
    let (logged, _guard) = Logged::here();
    let said = send(store.clone(), key(), ours, &mut jar, "token:canary,code,note:plain,in").await;
    assert_eq!(said, (200, r#"Some(4) Some("canary") [777001] "plain""#.into()));
    assert_eq!(send(store.clone(), key(), ours, &mut jar, "").await.1, said.1);
    let stored = async || {
        let cells = records(&store).await[0].1.cells().to_vec();
        let lines = cells.iter().map(|(key, cell)| format!("{key} {}", cell.to_text()));
        lines.collect::<Vec<_>>().join("\n")
    };
    let first = stored().await;
    assert!(first.contains("plain") && !first.contains("canary") && !first.contains("777001"), "{first}");
    assert_eq!(first.matches("sealed:1.").count(), 2, "{first}");
    // The same value again, in another request, is not recognised.
    send(store.clone(), key(), ours, &mut jar, "token:other").await;
    send(store.clone(), key(), ours, &mut jar, "token:canary").await;
    let token = |stored: &str| stored.lines().find(|line| line.contains("token")).unwrap().to_owned();
    assert_ne!(token(&first).split(' ').next_back(), token(&stored().await).split(' ').next_back());
    // A cleared one says so.
    send(store.clone(), key(), ours, &mut jar, "clear").await;
    assert!(cell(&store, "vault.token").await.json.is_null());
    assert!(!logged.text().contains("canary"), "{}", logged.text());
}

#[actix_web::test]
async fn closures_run_again_on_the_opened_value() {
    let store = Script::over(MemoryStore::unbounded());
    let mut jar = None;
    send(store.clone(), key(), ours, &mut jar, "code").await;
    store.at("update", 1, Fault::Conflict);
    let said = send(store.clone(), key(), ours, &mut jar, "code,token:x").await;
    assert_eq!(said, (200, r#"None Some("x") [777001, 777001] """#.into()));
    let said = send(store.clone(), key(), ours, &mut jar, "").await;
    assert_eq!(said.1, r#"None Some("x") [777001, 777001] """#);
}

/// OWASP ASVS 5.0 11.3.1.
#[actix_web::test]
async fn a_sealed_value_opens_in_its_own_session_and_field_alone() {
    let (store, mut one, mut other) = (MemoryStore::unbounded(), None, None);
    send(store.clone(), key(), ours, &mut one, "token:one").await;
    let (first, record) = records(&store).await[0].clone();
    send(store.clone(), key(), ours, &mut other, "token:other").await;
    let (second, _) = records(&store).await.into_iter().find(|(selector, _)| *selector != first).unwrap();
    let sealed = record.cell("vault.token").unwrap().json.clone();
    // To the same place: an older value passes, as the documentation says.
    put(&store, &first, "vault.token", sealed.clone()).await;
    assert_eq!(send(store.clone(), key(), ours, &mut one, "").await.0, 200);
    let damaged = Json::from_store(&sealed.as_str().replacen(".A", ".B", 1).replacen(".B", ".C", 1));
    for (selector, field, text) in [
        (second, "vault.token", sealed.clone()),
        (first, "vault.note", sealed.clone()),
        (first, "vault.token", Json::from_store("sealed:1.AAAA.AAAA")),
        (first, "vault.token", Json::from_store("sealed:")),
        (first, "vault.token", Json::from_store(&sealed.as_str()[..sealed.as_str().len() - 1])),
        (second, "vault.token", damaged),
    ] {
        let before =
            store.load(&selector).await.unwrap().unwrap().record.cell(field).map(|it| it.json.clone());
        put(&store, &selector, field, text.clone()).await;
        let jar = if selector == first { &mut one } else { &mut other };
        let (logged, _guard) = Logged::here();
        // Unreadable is not empty: an error, and it stays as it is.
        assert_eq!(send(store.clone(), key(), ours, jar, "note:new").await.0, 500, "{field}");
        assert!(logged.text().contains("is sealed by a key that is not among"), "{}", logged.text());
        let record = store.load(&selector).await.unwrap().unwrap().record;
        assert_eq!(record.cell(field).unwrap().json, text);
        put(&store, &selector, field, before.unwrap_or_else(Json::null)).await;
    }
    assert_eq!(send(store.clone(), key(), ours, &mut one, "").await.1, r#"None Some("one") [] """#);
}

#[actix_web::test]
async fn a_secret_of_an_accepted_key_opens_and_is_sealed_by_the_active_one_when_it_changes() {
    let (store, mut jar) = (MemoryStore::unbounded(), None);
    send(store.clone(), key(), ours, &mut jar, "token:one,code").await;
    let rotated = || Keys::new(other_key(), [key()]);
    let said = send(store.clone(), rotated(), ours, &mut jar, "token:two").await;
    assert_eq!(said, (200, r#"None Some("two") [777001] """#.into()));
    let by = async |field: &str| cell(&store, field).await.json.as_str()[9..13].to_owned();
    assert_eq!(by("vault.token").await, other_key().id().to_string());
    assert_eq!(by("vault.codes").await, key().id().to_string());
    // An id that the new key makes.
    let mut renewed = jar.clone();
    send(store.clone(), rotated(), ours, &mut renewed, "in").await;
    let before = cell(&store, "vault.codes").await;
    let revoked = Keys::from(other_key()).revoke([key().id()]).unwrap();
    assert_eq!(send(store.clone(), revoked.clone(), ours, &mut renewed, "note:x").await.0, 500);
    assert_eq!(cell(&store, "vault.codes").await, before, "it stays as it is");
}

/// OWASP ASVS 5.0 11.3.1.
#[actix_web::test]
async fn a_field_becomes_secret_and_stops_being_so_with_any_deploy() {
    let (store, mut jar) = (MemoryStore::unbounded(), None);
    let is_sealed = async |field: &str| cell(&store, field).await.json.as_str().starts_with("sealed:");
    send(store.clone(), key(), ours, &mut jar, "token:one,note:open,code").await;
    // Instances of both releases run side by side, and read what the other one has written.
    for (routes, words, token, note) in [
        (others as Routes, "", true, false),
        (others, "note:hidden", true, true),
        (ours, "", true, true),
        (others, "token:two,code", false, true),
        (ours, "token:three", true, true),
        (ours, "note:open", true, false),
    ] {
        let (status, body) = send(store.clone(), key(), routes, &mut jar, words).await;
        assert_eq!(status, 200, "{words}");
        assert_eq!((is_sealed("vault.token").await, is_sealed("vault.note").await), (token, note), "{words}");
        assert!(body.contains(if words.is_empty() { "one" } else { "Some" }), "{body}");
    }
    let said = send(store.clone(), key(), others, &mut jar, "").await.1;
    assert_eq!(said, r#"None Some("three") [777001, 777001] "open""#);
}

#[actix_web::test]
async fn every_form_of_a_secret_is_sealed_and_each_release_reads_what_the_other_wrote() {
    let (store, mut jar) = (MemoryStore::unbounded(), None);
    for (routes, codes) in [
        (ours as Routes, "[777001]"),
        (nexts, r#"["777001", "777002"]"#),
        (ours, "[777001, 777002, 777001]"),
        (nexts, r#"["777001", "777002", "777001", "777002"]"#),
    ] {
        let said = send(store.clone(), key(), routes, &mut jar, "code").await;
        assert_eq!(said, (200, format!(r#"None None {codes} """#)));
    }
    for field in ["vault.codes", "vault.codes@2"] {
        assert!(cell(&store, field).await.json.as_str().starts_with("sealed:"), "{field}");
    }
}

/// The same state, with a default for what cannot be read.
mod lenient {
    use actix_typed_session::SessionState;

    #[derive(SessionState)]
    #[session(name = "vault", version = 2, lock = off)]
    pub(super) struct Vault {
        #[session(principal)]
        pub(super) user: Option<u64>,
        #[session(secret, lenient)]
        pub(super) token: Option<String>,
        #[session(secret, lenient, default, changed(since = 2, from = Vec<u32>, up = super::next::to_text, down = super::next::to_numbers))]
        pub(super) codes: Vec<String>,
        #[session(default)]
        pub(super) note: String,
    }
}
routes!(lenients, lenient::Vault, "777002".to_owned());

/// OWASP ASVS 5.0 11.3.1.
#[actix_web::test]
async fn a_key_that_is_missing_is_an_error_for_lenient_fields_too() {
    for words in ["token:one", "code"] {
        let (store, mut jar) = (MemoryStore::unbounded(), None);
        send(store.clone(), key(), ours, &mut jar, words).await;
        send(store.clone(), Keys::new(other_key(), [key()]), ours, &mut jar, "in").await;
        let before = records(&store).await[0].1.cells().to_vec();
        for act in ["", "note:x", "token:two,code"] {
            assert_eq!(
                send(store.clone(), other_key(), lenients, &mut jar, act).await.0,
                500,
                "{words} {act}"
            );
        }
        assert_eq!(records(&store).await[0].1.cells(), before);
        // Damage is still no error.
        let (selector, _) = records(&store).await[0].clone();
        put(&store, &selector, "vault.token", Json::from_store("1")).await;
        put(&store, &selector, "vault.codes", Json::null()).await;
        assert_eq!(send(store, other_key(), lenients, &mut jar, "").await.0, 200);
    }
}

#[actix_web::test]
async fn a_secret_in_a_sealed_cookie_is_sealed_once_more() {
    let home = || SealedCookie::new("vault").without_server_logout();
    let mut jar = None;
    send(home(), key(), ours, &mut jar, "token:one").await;
    let said = send(home(), key(), ours, &mut jar, "code").await;
    assert_eq!(said, (200, r#"None Some("one") [777001] """#.into()));
    assert_eq!(send(home(), key(), ours, &mut jar, "").await.1, said.1);
}

#[actix_web::test]
async fn a_census_counts_what_it_cannot_open() {
    let (store, mut jar) = (MemoryStore::unbounded(), None);
    send(store.clone(), key(), ours, &mut jar, "token:one,code,note:x").await;
    let census = census::<Vault>(&store, u64::MAX).await.unwrap();
    assert_eq!((census.problem_count, census.sections), (0, 1));
    assert_eq!(census.sealed, [(Some(key().id()), 2)].into());
    let line = format!("2 values sealed by the key {}, not tried out", key().id());
    assert!(census.to_string().contains(&line), "{census}");
}

#[actix_web::test]
async fn a_census_of_any_schema_tells_which_keys_the_stored_values_need() {
    #[derive(SessionState)]
    #[session(name = "elsewhere", version = 1, lock = off)]
    struct Elsewhere {
        #[session(default)]
        visits: u32,
    }
    let (store, mut jar, mut other) = (MemoryStore::unbounded(), None, None);
    send(store.clone(), key(), ours, &mut jar, "token:one,code").await;
    send(store.clone(), key(), ours, &mut other, "note:x").await;
    let rotated = || Keys::new(other_key(), [key()]);
    let (old, new) = (Some(key().id()), Some(other_key().id()));
    for (words, sealed) in [
        ("note:x", vec![(old, 2)]),
        ("token:two", vec![(old, 1), (new, 1)]),
        ("code", vec![(new, 2)]),
        ("clear", vec![(new, 1)]),
    ] {
        send(store.clone(), rotated(), ours, &mut jar, words).await;
        let census = census::<Elsewhere>(&store, u64::MAX).await.unwrap();
        assert!(census.complete);
        assert_eq!(census.sealed, sealed.into_iter().collect(), "{words}");
    }
    let (selector, _) =
        records(&store).await.into_iter().find(|(_, it)| it.cell("vault.token").is_some()).unwrap();
    put(&store, &selector, "vault.token", Json::from_store("sealed:9.what.ever")).await;
    let census = census::<Elsewhere>(&store, u64::MAX).await.unwrap();
    assert_eq!(census.sealed, [(None, 1), (new, 1)].into());
}
