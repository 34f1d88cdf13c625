//! What the log has at level TRACE, of this crate and of every crate under it, with planted values, cookies and keys.

use std::{
    fmt::{Debug, Write as _},
    sync::Mutex,
};

use actix_session::storage::RedisSessionStore;
use actix_typed_session::{
    Key, SessionHome, SessionMiddleware,
    store::{ActixSessionStore, AnyStore, MemoryStore, Scan, SessionStore, open},
};
use actix_web::{
    App,
    dev::Service,
    http::header::{COOKIE, SET_COOKIE},
    test::{TestRequest, init_service, read_body},
    web,
};
use tokio::sync::Notify;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

use super::{alone::alone, bad_input::forged, wire::Server, words};
use crate::{
    http::place::Place,
    servers::{shared_redis, unique_name},
};

const KEY: &[u8; 32] = b"canary-key-0123456789abcdefghijk";

/// Everything that anybody logs in this process.
struct All(Mutex<String>);

static ALL: All = All(Mutex::new(String::new()));

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

impl All {
    fn line(&self, of: &Metadata<'_>, record: impl FnOnce(&mut Line)) {
        let mut line = Line(format!("{} {} ", of.level(), of.target()));
        record(&mut line);
        let mut all = self.0.lock().unwrap();
        all.push_str(&line.0);
        all.push('\n');
    }
}

impl Subscriber for &'static All {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, of: &Attributes<'_>) -> Id {
        self.line(of.metadata(), |line| of.record(line));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, of: &Record<'_>) {
        let mut line = Line(String::new());
        of.record(&mut line);
        self.0.lock().unwrap().push_str(&line.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, of: &Event<'_>) {
        self.line(of.metadata(), |line| of.record(line));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Fails if one of `secrets` is in the log, as it is, as bytes that are shown by `Debug`, or in hexadecimal digits of either case.
fn assert_none(secrets: &[Vec<u8>]) {
    let all = ALL.0.lock().unwrap().clone();
    let lower = all.to_lowercase();
    for secret in secrets {
        let numbers = secret.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
        let text = String::from_utf8_lossy(secret).into_owned();
        for (form, found) in [
            (&text, all.contains(&text)),
            (&hex(secret), lower.contains(&hex(secret))),
            (&numbers, all.contains(&numbers)),
        ] {
            assert!(!found, "{form} is in the log:\n{}", lines_with(&all, form));
        }
    }
}

fn lines_with(all: &str, form: &str) -> String {
    all.lines()
        .filter(|line| line.to_lowercase().contains(&form.to_lowercase()))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The parts of a cookie with an id that are secret, as text and as bytes: all but the version, the id of the key and the selector.
fn secret_parts(cookie: &str) -> Vec<Vec<u8>> {
    parts(cookie, 3)
}

fn parts(cookie: &str, skipped: usize) -> Vec<Vec<u8>> {
    cookie.split('.').skip(skipped).flat_map(|part| [part.as_bytes().to_vec(), decoded(part)]).collect()
}

/// The bytes of a text in base64url.
pub(crate) fn decoded(text: &str) -> Vec<u8> {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = text.chars().map(|symbol| alphabet.find(symbol).unwrap());
    let bits: Vec<u8> =
        bits.flat_map(|value| (0..6).rev().map(move |bit| u8::from(value >> bit & 1 == 1))).collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |all, bit| all << 1 | bit)).collect()
}

/// The hashes by which the store knows verifiers.
async fn verifiers(store: &AnyStore) -> Vec<Vec<u8>> {
    let (mut hashes, mut from) = (Vec::new(), None);
    loop {
        let page = store.scan(from.as_ref(), 100).await.unwrap();
        for selector in page.selectors {
            let loaded = store.load(&selector).await.unwrap();
            hashes.extend(loaded.map(|loaded| loaded.record.meta().verifier.as_bytes().to_vec()));
        }
        from = page.next;
        if from.is_none() {
            return hashes;
        }
    }
}

/// A life in a store of ours.
async fn live(store: AnyStore) {
    live_in(store.clone(), secret_parts, async || verifiers(&store).await).await;
}

/// A life in the Redis store of actix-session. Its keys and what it keeps open nothing by themselves, and are not logged either.
async fn live_in_a_store_of_actix_session() {
    let Some(redis) = shared_redis().await else { return };
    let prefix = unique_name();
    let store = RedisSessionStore::builder(redis.url()).cache_keygen({
        let prefix = prefix.clone();
        move |key| format!("{prefix}:{key}")
    });
    let home = ActixSessionStore::new("shop", store.build().await.unwrap());
    let stored = async || {
        let names: Vec<String> = redis.command(&["KEYS", &format!("{prefix}:*")]).await.unwrap();
        let mut secrets = Vec::new();
        for name in names {
            let text: String = redis.command(&["GET", &name]).await.unwrap();
            secrets
                .extend(text.split('"').filter(|part| part.len() > 40).map(|part| part.as_bytes().to_vec()));
            secrets.push(name.rsplit(':').next().unwrap().as_bytes().to_vec());
        }
        secrets
    };
    live_in(home, |cookie| parts(cookie, 2), stored).await;
}

/// What a life in `home` logs contains nothing of the values, nor of the cookies that the browser gets or makes up, nor what is `stored`. A
/// cookie is answered in `Set-Cookie` alone.
async fn live_in(
    home: impl SessionHome,
    secret_parts: fn(&str) -> Vec<Vec<u8>>,
    stored: impl AsyncFn() -> Vec<Vec<u8>>,
) {
    let sessions = SessionMiddleware::new(home, Key::try_from(KEY.as_slice()).unwrap());
    let gate = web::Data::new(Notify::new());
    let app = init_service(App::new().app_data(gate).wrap(sessions).configure(words::routes)).await;
    let (mut cookie, mut secrets, mut answers) = (None::<String>, Vec::new(), Vec::new());
    for words in [
        "d:canary-draft,n:canary-notice,c77700111",
        "see,t",
        "in88800222,label:canary-label",
        "up3,d:canary-again",
        "try4,save,reload",
        "crash",
        "renew,list",
        "purge,in88800333,d:canary-third",
        "forged",
        "malformed",
        "others",
        "all",
        "",
    ] {
        let acts = if ["forged", "malformed"].contains(&words) { "" } else { words };
        let mut request = TestRequest::get().uri(&format!("/do/{acts}"));
        if let Some(cookie) = &cookie {
            let sent = match words {
                "forged" => forged(cookie, 3),
                "malformed" => {
                    format!("__Host-sid=canary%; {}; __Host-sid=canary", &cookie[..cookie.len() - 1])
                }
                _ => cookie.clone(),
            };
            request = request.insert_header((COOKIE, sent));
        }
        let mut response = app.call(request.to_request()).await.unwrap();
        let set_cookie = response.headers_mut().remove(SET_COOKIE).next();
        answers.push(format!("{:?}", response.headers()).into_bytes());
        answers.push(read_body(response).await.to_vec());
        if let Some(set) = set_cookie {
            let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            secrets.extend(secret_parts(&pair));
            secrets.extend(stored().await);
            cookie = Some(pair);
        }
    }
    assert!(secrets.len() > 8, "cookies were set");
    assert_none(&secrets);
    let holds = |answer: &[u8], secret: &[u8]| answer.windows(secret.len()).any(|part| part == secret);
    for answer in answers {
        let shown = String::from_utf8_lossy(&answer);
        assert!(!secrets.iter().any(|secret| holds(&answer, secret)), "a secret is answered: {shown}");
    }
}

/// OWASP ASVS 5.0 3.3.4, 16.2.5; CVE-2023-20866; spring-session `DefaultCookieSerializer`.
#[actix_web::test]
async fn a_life_at_trace_logs_no_id_no_key_and_no_value() {
    if !alone("flow::canaries::a_life_at_trace_logs_no_id_no_key_and_no_value") {
        return;
    }
    tracing::subscriber::set_global_default(&ALL).unwrap();
    live(AnyStore::new(MemoryStore::unbounded())).await;
    live_in_a_store_of_actix_session().await;
    let places =
        [Place::sqlite().await, Place::redis().await, Place::postgres().await, Place::mariadb().await];
    for place in places.into_iter().flatten() {
        live(open(&place.url()).await.unwrap()).await;
    }
    // Over HTTP/1 too, with what actix logs.
    let server = tokio::task::spawn_blocking(|| {
        let server = Server::start();
        let cookie = server.cookie("d:canary-draft,c77700111,in88800222");
        server.state(&cookie);
        server.state(&forged(&cookie, 5));
        secret_parts(&cookie)
    });
    assert_none(&server.await.unwrap());
    let canaries =
        [&b"canary"[..], b"77700111", b"88800222", b"88800333", KEY, b"0123456789abcdef0123456789abcdef"];
    assert_none(&canaries.map(<[u8]>::to_vec));
    let all = ALL.0.lock().unwrap().clone();
    for told in ["signed_in", "created", "tampered", "TRACE"] {
        assert!(all.contains(told), "nothing was logged of {told}");
    }
}
