//! The next request reads each field as it was set, although fields are stored in another order than they are declared in.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    ffi::CStr,
    hash::{BuildHasher, DefaultHasher},
};

use actix_typed_session::{Key, SessionMiddleware, SessionState, TypedSession, store::MemoryStore};
use actix_web::http::header::{COOKIE, SET_COOKIE};
use actix_web::{App, test, web};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Stored {
    #[session(default)]
    zebra: u32,
    #[session(key = "zoo", default)]
    ape: u32,
    #[session(principal)]
    user: Option<u32>,
    #[session(default)]
    r#type: String,
    #[session(key = "Aal", default)]
    middle: u32,
    #[session(flash)]
    notice: Option<String>,
    never_set: Option<u32>,
}

#[derive(Clone, Default)]
struct ByNothing;

impl BuildHasher for ByNothing {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        DefaultHasher::new()
    }
}

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
struct Sku(u32);

/// Of types that have something inside that cannot be stored alone, and of each kind of container.
#[derive(SessionState)]
#[session(version = 1, lock = off)]
struct Unusual {
    by_sku: Option<HashMap<Sku, Vec<Sku>, ByNothing>>,
    seen: Option<HashSet<Sku, ByNothing>>,
    #[session(default)]
    sorted: BTreeMap<Sku, BTreeSet<Sku>>,
    raw: Option<Box<RawValue>>,
    text: Option<Box<CStr>>,
    pair: Option<(Sku, [Sku; 2])>,
    boxed: Option<Box<[Sku]>>,
    answer: Option<Result<Sku, String>>,
}

#[actix_web::test]
async fn a_type_is_stored_though_something_inside_of_it_cannot_be() {
    let sessions = SessionMiddleware::new(MemoryStore::unbounded(), Key::generate().unwrap());
    let write = |mut unusual: TypedSession<Unusual>| async move {
        unusual.set_seen(HashSet::from_iter([Sku(1)]));
        unusual.set_raw(RawValue::from_string("{\"a\": 1}".to_owned()).unwrap());
        unusual.set_text(Box::<CStr>::from(c"text"));
        unusual.set_answer(Ok(Sku(2)));
        "written"
    };
    let read = |unusual: TypedSession<Unusual>| async move {
        let seen = unusual.seen().is_some_and(|seen| seen.contains(&Sku(1)));
        format!("{seen} {} {:?}", unusual.raw().unwrap(), unusual.text().unwrap())
    };
    let app =
        App::new().wrap(sessions).route("/write", web::get().to(write)).route("/read", web::get().to(read));
    let app = test::init_service(app).await;
    let written = test::call_service(&app, test::TestRequest::get().uri("/write").to_request()).await;
    let cookie = written.headers().get(SET_COOKIE).unwrap().to_str().unwrap().split(';').next().unwrap();
    let look = test::TestRequest::get().uri("/read").insert_header((COOKIE, cookie)).to_request();
    assert_eq!(test::call_and_read_body(&app, look).await, "true {\"a\": 1} \"text\"");
}

async fn write(mut stored: TypedSession<Stored>) -> &'static str {
    stored.set_zebra(1);
    stored.set_ape(2);
    stored.set_user(3);
    stored.set_type("four");
    stored.update_middle(|middle| *middle = 5);
    stored.set_notice("six");
    "written"
}

async fn read(mut stored: TypedSession<Stored>) -> String {
    let notice = stored.take_notice();
    format!(
        "{} {} {:?} {} {} {notice:?} {:?}",
        stored.zebra(),
        stored.ape(),
        stored.user(),
        stored.r#type(),
        stored.middle(),
        stored.never_set()
    )
}

#[actix_web::test]
async fn each_field_comes_back_as_itself() {
    let sessions = SessionMiddleware::new(MemoryStore::unbounded(), Key::generate().unwrap());
    let app =
        App::new().wrap(sessions).route("/write", web::get().to(write)).route("/read", web::get().to(read));
    let app = test::init_service(app).await;
    let written = test::call_service(&app, test::TestRequest::get().uri("/write").to_request()).await;
    let cookie = written.headers().get(SET_COOKIE).unwrap().to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let look = || test::TestRequest::get().uri("/read").insert_header((COOKIE, cookie.clone())).to_request();
    assert_eq!(test::call_and_read_body(&app, look()).await, "1 2 Some(3) four 5 Some(\"six\") None");
    assert_eq!(test::call_and_read_body(&app, look()).await, "1 2 Some(3) four 5 None None");
}
