//! A dry run by lock files, beside what the application's own census says of the same store.

use actix_typed_session::{
    Key, SessionMiddleware, SessionState, TypedSession, census,
    store::{self, AnyStore},
    testing::TestSession,
};

use crate::{json, program, said, servers};

/// The states of releases, of which that of version 3 has the lock file.
mod v1 {
    use super::SessionState;

    #[derive(SessionState)]
    #[session(name = "shop", version = 1, lock = off)]
    pub(super) struct Shop {
        #[session(principal)]
        pub(super) user: Option<String>,
        #[session(default)]
        pub(super) cart: Vec<u32>,
        pub(super) name: Option<String>,
        #[session(default)]
        pub(super) theme: String,
    }

    #[derive(SessionState)]
    #[session(name = "club", version = 1, lock = off)]
    pub(super) struct Club {
        #[session(principal)]
        pub(super) member: Option<u64>,
    }

    #[derive(SessionState)]
    #[session(name = "basket", version = 1, lock = off)]
    pub(super) struct Basket {
        #[session(default)]
        pub(super) lines: Vec<u32>,
    }
}

mod v2 {
    use super::{SessionState, joined, numbers, parts, texts};

    #[derive(SessionState)]
    #[session(name = "shop", version = 2, lock = off)]
    #[session(step(since = 2, from(name: Option<String>), to(first, last), up = parts, down = joined))]
    pub(super) struct Shop {
        #[session(principal)]
        pub(super) user: Option<String>,
        #[session(default, changed(since = 2, from = Vec<u32>, up = texts, down = numbers))]
        pub(super) cart: Vec<String>,
        #[session(since = 2)]
        pub(super) first: Option<String>,
        #[session(since = 2)]
        pub(super) last: Option<String>,
        #[session(default)]
        pub(super) theme: String,
    }
}

mod v3 {
    use super::{SessionState, parts, texts};

    #[derive(SessionState)]
    #[session(name = "shop", version = 3, lock = warn, removed(key = "theme", from = String, since = 3))]
    #[session(step(since = 2, from(name: Option<String>), to(first, last), up = parts))]
    pub(super) struct Shop {
        #[session(principal)]
        pub(super) user: Option<String>,
        #[session(default, changed(since = 2, from = Vec<u32>, up = texts))]
        pub(super) cart: Vec<String>,
        #[session(since = 2)]
        pub(super) first: Option<String>,
        #[session(since = 2)]
        pub(super) last: Option<String>,
        #[session(since = 3)]
        pub(super) coupon: Option<u32>,
    }

    #[derive(SessionState)]
    #[session(name = "club", version = 2, lock = warn, removed(key = "member", from = Option<u64>, since = 2))]
    pub(super) struct Club {
        #[session(principal, since = 2)]
        pub(super) user: Option<String>,
    }
}

mod v4 {
    use super::SessionState;

    #[derive(SessionState)]
    #[session(name = "shop", version = 4, oldest_reader = 4, oldest_record = 4, lock = off)]
    pub(super) struct Shop {
        #[session(principal)]
        pub(super) user: Option<String>,
        #[session(default)]
        pub(super) bag: Vec<u32>,
    }
}

fn texts(numbers: Vec<u32>) -> Vec<String> {
    numbers.into_iter().map(|number| number.to_string()).collect()
}

fn numbers(texts: Vec<String>) -> Vec<u32> {
    texts.into_iter().filter_map(|text| text.parse().ok()).collect()
}

fn parts(name: Option<String>) -> (Option<String>, Option<String>) {
    let Some(name) = name else { return (None, None) };
    let (first, last) = name.split_once(' ').unwrap_or((&name, ""));
    (Some(first.to_owned()), Some(last.to_owned()))
}

fn joined((first, last): (Option<String>, Option<String>)) -> Option<String> {
    first.zip(last).map(|(first, last)| format!("{first} {last}"))
}

fn lock(name: &str) -> String {
    format!("{}/session-schemas/{name}.lock", env!("CARGO_MANIFEST_DIR"))
}

async fn visit<T: SessionState>(store: &AnyStore, set: impl FnOnce(&mut T::Handle)) {
    let sessions = SessionMiddleware::new(store.clone(), Key::generate().unwrap());
    TestSession::<T>::with(&sessions, set).await.unwrap();
}

async fn tried(url: &str) {
    let (shop, club) = (lock("shop"), lock("club"));
    let store = store::open(url).await.unwrap();
    let empty = said(url, &["dry-run", "--lock", &shop], 3);
    assert!(empty.contains("is it the right store?"), "{empty}");

    // What needs a conversion, what has both forms, and what the release itself has written.
    visit::<v1::Shop>(&store, |shop: &mut TypedSession<v1::Shop>| {
        shop.set_user("Ada");
        shop.set_cart(vec![1, 2]);
        shop.set_name("Ada Lovelace");
        shop.set_theme("dark");
    })
    .await;
    visit::<v1::Shop>(&store, |shop: &mut TypedSession<v1::Shop>| shop.set_user("Ben")).await;
    visit::<v2::Shop>(&store, |shop: &mut TypedSession<v2::Shop>| shop.set_cart(vec!["7".to_owned()])).await;
    visit::<v3::Shop>(&store, |shop: &mut TypedSession<v3::Shop>| {
        shop.set_coupon(5);
        shop.set_first("Eve");
    })
    .await;
    let told = said(url, &["dry-run", "--lock", &shop], 0);
    let expected = "sessions: 4, all of them\nschema `shop`, version 3, a draft\n  for version 1 and later: read as it is: 2, converted: 1\n  \
                    for version 2 and later: read as it is: 1\n  \
                    need the conversions of version 2: 1\n  values of removed fields: 1\nnothing would be lost, as far as lock \
                    files tell\n";
    assert_eq!(told, expected);
    let own = census::<v3::Shop>(&store, u64::MAX).await.unwrap();
    assert_eq!((own.sections, own.too_new, own.problem_count), (4, 0, 0), "{own}");
    assert_eq!(
        (own.needs.get(&2), own.needs.get(&3)),
        (Some(&1), Some(&1)),
        "conversions, and a removed field: {own}"
    );
    let part = said(url, &["dry-run", "--lock", &shop, "--limit", "2"], 0);
    assert!(part.starts_with("sessions: 2, not all\n"), "{part}");

    // A session that a later version has written, and that of a state that the release has no more.
    visit::<v4::Shop>(&store, |shop: &mut TypedSession<v4::Shop>| shop.set_bag(vec![1])).await;
    visit::<v1::Basket>(&store, |basket: &mut TypedSession<v1::Basket>| basket.set_lines(vec![1])).await;
    let lost = said(url, &["dry-run", "--lock", &shop], 4);
    assert!(
        lost.contains("1 sections would be refused; 1 sections are of a schema without a lock file"),
        "{lost}"
    );
    let own = census::<v3::Shop>(&store, u64::MAX).await.unwrap();
    assert_eq!((own.sections, own.too_new), (5, 1), "{own}");

    // Members whom another field names.
    visit::<v1::Club>(&store, |club: &mut TypedSession<v1::Club>| club.set_member(7)).await;
    let output = program(url, &["--json", "dry-run", "--lock", &shop, &club]);
    assert_eq!(output.status.code(), Some(4));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["sessions"], &told["signed_out"], &told["damaged"]), (&7.into(), &1.into(), &0.into()));
    assert_eq!(told["schemas"]["shop"]["readable_from"]["4"]["refused"], 1);
    assert_eq!(
        told["schemas"]["shop"]["readable_from"]["1"],
        serde_json::json!({ "readable": 2, "converted": 1, "refused": 0 })
    );
    assert_eq!(told["schemas"]["shop"]["needs"]["2"], 1);
    assert_eq!(
        (&told["schemas"]["club"]["version"], &told["schemas"]["club"]["removed"]),
        (&2.into(), &1.into())
    );
    assert_eq!(told["without_lock"]["basket"], 1);
    assert_eq!(told["losses"].as_array().unwrap().len(), 3, "{told}");
    // It has written nothing.
    assert_eq!(json(url, &["list"]).len(), 7);
}

#[actix_web::test]
async fn on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    tried(&format!("sqlite:{}", folder.path().join("shop.db").display())).await;
}

#[actix_web::test]
async fn on_redis() {
    let Some(server) = servers::shared_redis().await else { return };
    tried(&format!("{}?prefix=tried:", server.url())).await;
}

#[actix_web::test]
async fn on_postgres() {
    let Some(server) = servers::shared_postgres().await else { return };
    tried(&server.url(&server.database().await)).await;
}

#[actix_web::test]
async fn on_mariadb() {
    let Some(server) = servers::shared_mariadb().await else { return };
    tried(&server.url(&server.database().await)).await;
}

#[test]
fn what_is_no_lock_file_is_refused_before_the_store_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let edited = folder.path().join("edited.lock");
    let text = std::fs::read_to_string(lock("shop")).unwrap();
    std::fs::write(&edited, text.replace("coupon", "voucher")).unwrap();
    let url = format!("sqlite:{}", folder.path().join("shop.db").display());
    std::fs::write(folder.path().join("shop.db"), "").unwrap();
    let (shop, missing) = (lock("shop"), "no-such.lock".to_owned());
    for (files, says) in [
        (vec![&edited.display().to_string()], "edited.lock was edited or cut short"),
        (vec![&missing], "no-such.lock cannot be read"),
        (vec![&shop, &shop], "is the second lock file of the schema `shop`"),
    ] {
        let arguments: Vec<&str> =
            ["dry-run", "--lock"].into_iter().chain(files.into_iter().map(|file| &**file)).collect();
        let error = said(&url, &arguments, 2);
        assert!(error.contains(says), "{error}");
    }
    assert!(said(&url, &["dry-run"], 2).contains("--lock"));
    let none = said(&url, &["dry-run", "--lock", &shop, "--limit", "0"], 2);
    assert!(none.contains("--limit") && !none.contains("right store"), "{none}");
}
