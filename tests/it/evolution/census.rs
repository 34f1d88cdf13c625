//! The census: the counts, and the dry run. Property P22.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use actix_typed_session::{
    CellCount, Census, SessionState, census,
    change::{CellWrite, Change, NewRecord},
    id::{PublicId, Selector, VerifierHash},
    record::{Json, Limits, Principal},
    store::{
        Abilities, AnyStore, Created, Cursor, Loaded, MemoryStore, Scan, Scanned, SessionStore, SqliteStore,
        StoreError, StoreErrorKind, Updated, open,
    },
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::{
    robust::{careful, contracted},
    shop::{Line, v2, v3, v3b},
};
use crate::{
    flow::devices::Plain,
    servers::{shared_cluster, shared_mariadb, shared_postgres, shared_redis, unique_name},
};

/// A store that panics on every write.
struct ReadOnly(AnyStore);

impl SessionStore for ReadOnly {
    async fn load(&self, key: &Selector) -> Result<Option<Loaded>, StoreError> {
        self.0.load(key).await
    }

    async fn create(&self, _: &Selector, _: &NewRecord) -> Result<Created, StoreError> {
        panic!("a write")
    }

    async fn update(&self, _: &Selector, _: &Change) -> Result<Updated, StoreError> {
        panic!("a write")
    }

    async fn delete(&self, _: &Selector, _: Option<&Principal>) -> Result<(), StoreError> {
        panic!("a write")
    }

    fn abilities(&self) -> Abilities<'_> {
        Abilities::none().with_scan(self)
    }
}

impl Scan for ReadOnly {
    async fn scan(&self, from: Option<&Cursor>, limit: u32) -> Result<Scanned, StoreError> {
        // Returns some selectors twice, as Redis may. Each session must count once.
        let mut scanned = self.0.abilities().scan(from, limit.min(7)).await?;
        scanned.selectors.extend(scanned.selectors.clone());
        Ok(scanned)
    }
}

async fn look<T: SessionState>(store: &AnyStore) -> Census {
    census::<T>(&ReadOnly(store.clone()), u64::MAX).await.unwrap()
}

/// A new selector, spread over all parts of a store.
fn next_key() -> Selector {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let next = u128::from(NEXT.fetch_add(1, Ordering::Relaxed));
    Selector::from_bytes(next.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes())
}

fn writes(cells: &[(&str, String)]) -> Vec<CellWrite> {
    cells.iter().map(|(key, json)| CellWrite::new((*key).into(), Json::from_store(json))).collect()
}

type Cells = Vec<(&'static str, String)>;

/// A session: the cells that were written first, and the cells that were written after them.
#[derive(Clone, Debug)]
struct Stored {
    first: Cells,
    then: Cells,
}

impl Stored {
    async fn put(&self, store: &AnyStore) -> Selector {
        let key = next_key();
        let limits = Limits::new(Duration::from_hours(1), Duration::from_hours(1));
        let mut new = NewRecord::new(VerifierHash::from_bytes([7; 32]), limits);
        new.cells = writes(&self.first);
        assert_eq!(store.create(&key, &new).await.unwrap(), Created::Created);
        if !self.then.is_empty() {
            let mut change = Change::default();
            change.write = writes(&self.then);
            assert!(matches!(store.update(&key, &change).await.unwrap(), Updated::Done { .. }));
        }
        key
    }

    /// The cells that are stored in the end, each with whether it was written second.
    fn cells(&self) -> BTreeMap<&'static str, (&str, bool)> {
        let first = self.first.iter().map(|(key, json)| (*key, (json.as_str(), false)));
        first.chain(self.then.iter().map(|(key, json)| (*key, (json.as_str(), true)))).collect()
    }
}

fn cells() -> impl Strategy<Value = Cells> {
    let cell = prop_oneof![
        (1..5_u16).prop_map(|gate| ("$shop", gate.to_string())),
        proptest::collection::vec(0..99_u32, 0..3).prop_map(|cart| ("shop.cart", format!("{cart:?}"))),
        Just(("shop.cart", "\"canary\"".to_owned())),
        (0..9_u32, 0..9_u32).prop_map(|(sku, qty)| {
            ("shop.cart@3", format!("[{}]", serde_json::to_string(&Line { sku, qty }).unwrap()))
        }),
        Just(("shop.cart@3", "[{\"canary\":1}]".to_owned())),
        "[a-z]{1,4} [a-z]{1,4}".prop_map(|name| ("shop.name", format!("\"{name}\""))),
        "[a-z]{1,4}".prop_map(|first| ("shop.first", format!("\"{first}\""))),
        "[a-z]{1,4}".prop_map(|last| ("shop.last", format!("\"{last}\""))),
        Just(("shop.locale", "\"de\"".to_owned())),
        Just(("shop.theme", "\"dark\"".to_owned())),
        Just(("shop.later", "1e400".to_owned())),
        Just(("shopping.list", "[]".to_owned())),
        Just(("other.text", "null".to_owned())),
    ];
    proptest::collection::vec(cell, 0..8).prop_map(|mut cells| {
        cells.sort_by_key(|(key, _)| *key);
        cells.dedup_by_key(|(key, _)| *key);
        cells
    })
}

fn stored() -> impl Strategy<Value = Stored> {
    (cells(), cells()).prop_map(|(first, then)| Stored { first, then })
}

/// The numbers in a census.
#[derive(PartialEq, Eq, Debug, Default)]
struct Totals {
    sessions: u64,
    sections: u64,
    readable_from: BTreeMap<Option<u16>, u64>,
    too_new: u64,
    /// The form, count and bytes of each wire key.
    cells: BTreeMap<String, (String, u64, u64)>,
    needs: BTreeMap<u16, u64>,
    problems: u64,
}

impl From<&Census> for Totals {
    fn from(census: &Census) -> Self {
        let cell = |(key, cell): (&String, &CellCount)| {
            (key.clone(), (cell.form.to_string(), cell.count, cell.bytes))
        };
        Self {
            sessions: census.sessions,
            sections: census.sections,
            readable_from: census.readable_from.clone(),
            too_new: census.too_new,
            cells: census.cells.iter().map(cell).collect(),
            needs: census.needs.clone(),
            problems: census.problem_count,
        }
    }
}

/// Counts the sessions by the rules of the design, independently of the code.
fn expected_totals(sessions: &[Stored]) -> Totals {
    let mut all = Totals::default();
    for session in sessions {
        all.sessions += 1;
        let cells = session.cells();
        let ours: Vec<_> = cells.iter().filter(|(key, _)| key.starts_with("shop.")).collect();
        if ours.is_empty() && !cells.contains_key("$shop") {
            continue;
        }
        all.sections += 1;
        for (key, (json, _)) in ours {
            let form = match *key {
                "shop.cart" | "shop.name" => "older form",
                "shop.theme" => "removed",
                "shop.later" => "unknown",
                _ => "field",
            };
            let cell = all.cells.entry((*key).to_owned()).or_insert_with(|| (form.to_owned(), 0, 0));
            *cell = (form.to_owned(), cell.1 + 1, cell.2 + (key.len() + json.len()) as u64);
        }
        // When the newest of the cells was written: 2 is second, 1 is first, 0 is never.
        let newest = |keys: &[&str]| {
            let written = keys.iter().filter_map(|key| cells.get(key)).map(|(_, then)| 1 + u8::from(*then));
            written.max().unwrap_or(0)
        };
        let old_cart = newest(&["shop.cart"]) > newest(&["shop.cart@3"]);
        if old_cart || newest(&["shop.name"]) > newest(&["shop.first", "shop.last"]) {
            *all.needs.entry(3).or_default() += 1;
        }
        if cells.contains_key("shop.theme") {
            *all.needs.entry(2).or_default() += 1;
        }
        let gate: Option<u16> = cells.get("$shop").map(|(gate, _)| gate.parse().unwrap());
        *all.readable_from.entry(gate).or_default() += 1;
        if gate > Some(3) {
            all.too_new += 1;
            continue;
        }
        let is_damaged = |key: &str| cells.get(key).is_some_and(|(json, _)| json.contains("canary"));
        // An edit of the older form is merged with the newer one, so both must be readable.
        let unreadable = is_damaged("shop.cart@3") || (old_cart && is_damaged("shop.cart"));
        all.problems += u64::from(unreadable);
    }
    all
}

/// Checks that a census has the right totals, shows no value, and writes nothing.
fn totals(cases: u32, sessions: usize, open: impl AsyncFn() -> Option<AnyStore>) {
    let system = actix_web::rt::System::new();
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let generated = proptest::collection::vec(stored(), 0..sessions);
    let run = runner.run(&generated, |sessions| {
        let census = system.block_on(async {
            let store = open().await?;
            for session in &sessions {
                session.put(&store).await;
            }
            Some(look::<v3::Shop>(&store).await)
        });
        let Some(census) = census else { return Ok(()) };
        let text = census.to_string();
        prop_assert!(!text.contains("canary") && census.complete, "{}", text);
        prop_assert_eq!(census.problems.len() as u64, census.problem_count);
        prop_assert_eq!(Totals::from(&census), expected_totals(&sessions));
        Ok(())
    });
    run.unwrap();
}

#[test]
fn totals_in_memory() {
    totals(256, 40, async || Some(AnyStore::new(MemoryStore::unbounded())));
}

#[test]
fn totals_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    totals(8, 40, async || {
        let file = folder.path().join(unique_name());
        Some(AnyStore::new(SqliteStore::open(file).await.unwrap()))
    });
}

#[test]
fn totals_on_redis() {
    totals(32, 40, async || {
        let server = shared_redis().await?;
        // The prefix has characters that are special in a pattern.
        let url = format!("{}?prefix={}%5Ba-z%5D*:", server.url(), unique_name());
        Some(open(&url).await.unwrap())
    });
}

#[test]
fn totals_on_a_cluster() {
    totals(16, 40, async || {
        let url = format!("{}?prefix={}:", shared_cluster().await?.url(), unique_name());
        Some(open(&url).await.unwrap())
    });
}

#[test]
fn totals_on_postgres() {
    totals(8, 40, async || {
        let server = shared_postgres().await?;
        Some(open(&server.url(&server.database().await)).await.unwrap())
    });
}

#[test]
fn totals_on_mariadb() {
    totals(8, 40, async || {
        let server = shared_mariadb().await?;
        Some(open(&server.url(&server.database().await)).await.unwrap())
    });
}

type Literal<'a> = &'a [(&'static str, &'a str)];

async fn memory(sessions: &[(Literal<'_>, Literal<'_>)]) -> (AnyStore, Vec<Selector>) {
    let store = AnyStore::new(MemoryStore::unbounded());
    let owned = |cells: Literal<'_>| -> Cells {
        cells.iter().map(|(key, json)| (*key, (*json).to_owned())).collect()
    };
    let mut keys = Vec::new();
    for (first, then) in sessions {
        keys.push(Stored { first: owned(first), then: owned(then) }.put(&store).await);
    }
    (store, keys)
}

#[actix_web::test]
async fn an_older_form_is_needed_until_it_is_upgraded() {
    let old: &[_] = &[("$shop", "1"), ("shop.cart", "[11]"), ("shop.theme", r#""dark""#)];
    let new: &[_] = &[("$shop", "2"), ("shop.cart", "[11]"), ("shop.cart@3", "[]")];
    let (store, keys) = memory(&[(old, &[]), (new, &[]), (new, &[("shop.cart", "[12]")])]).await;
    let census = look::<v3b::Shop>(&store).await;
    assert_eq!(census.needs, BTreeMap::from([(2, 1), (3, 2)]));
    assert_eq!(census.safe_to_raise_oldest_record(), Some(1));
    assert_eq!(census.bytes_in_older_forms(), 3 * ("shop.cart".len() + "[11]".len()) as u64);
    store.delete(&keys[0], None).await.unwrap();
    assert_eq!(look::<v3b::Shop>(&store).await.safe_to_raise_oldest_record(), Some(2));
    store.delete(&keys[2], None).await.unwrap();
    assert_eq!(look::<v3b::Shop>(&store).await.safe_to_raise_oldest_record(), Some(3));
    // While a binary of version 2 may run, it may store the older form at any time.
    assert_eq!(look::<v3::Shop>(&store).await.safe_to_raise_oldest_record(), Some(2));
    let some = actix_typed_session::census::<v3b::Shop>(&store, 0).await.unwrap();
    assert_eq!((some.complete, some.safe_to_raise_oldest_record()), (false, None));
}

#[actix_web::test]
async fn the_dry_run_names_every_conversion_that_would_fail() {
    let (store, keys) = memory(&[
        (&[("shop.cart", "[11]")], &[]),
        (&[("shop.cart", "[100]")], &[]),
        (&[("shop.cart", "[13]")], &[]),
        (&[("shop.cart@3", r#"[{"sku":1,"qty":100}]"#)], &[]),
        (&[("shop.locale", "7")], &[]),
        (&[("other.text", "7")], &[]),
        (&[("shop.cart@3", "7"), ("shop.locale", "7")], &[]),
    ])
    .await;
    let census = look::<careful::Shop>(&store).await;
    let mut seen: Vec<_> = census.problems.iter().map(|problem| (problem.session, &*problem.what)).collect();
    seen.sort_by_key(|(session, _)| *session);
    let not_up = "the stored session field `shop.cart@3` could not be converted from its older form";
    let not_down = "`shop.cart@3` could not be converted by `down` for older binaries";
    let no_text = "the stored session field `shop.locale` does not fit its type (at column 1)";
    let no_lines = "the stored session field `shop.cart@3` does not fit its type (at column 1)";
    let mut expected: Vec<_> =
        [(1, not_up), (2, not_up), (3, not_down), (4, no_text), (6, no_lines), (6, no_text)]
            .map(|(nth, what): (usize, _)| (public_id(&keys[nth]), what))
            .into();
    expected.sort_by_key(|(session, _)| *session);
    assert_eq!(seen, expected);
}

/// Run by the release that has removed the older forms, the census reports that this was too early.
#[actix_web::test]
async fn a_form_that_left_the_source_too_early_is_a_problem() {
    let old: &[_] = &[("$shop", "1"), ("shop.cart", "[11]"), ("shop.name", r#""Ada""#)];
    let new: &[_] = &[("$shop", "3"), ("shop.cart@3", "[]"), ("shop.first", r#""Ada""#)];
    let (store, keys) = memory(&[(new, &[]), (old, &[])]).await;
    let census = look::<contracted::Shop>(&store).await;
    assert_eq!(census.safe_to_raise_oldest_record(), Some(2));
    assert_eq!(census.needs, BTreeMap::from([(3, 1)]));
    let seen: Vec<_> = census.problems.iter().map(|problem| (problem.session, &*problem.what)).collect();
    let gone = |key: &str| {
        format!(
            "the stored session field `{key}` is there only in a form of before version 3, which the source can no longer read: put \
             its `up` back, with an `oldest_record` below 3"
        )
    };
    let expected = ["shop.cart@3", "shop.first", "shop.last"].map(gone);
    assert_eq!(seen, expected.each_ref().map(|what| (public_id(&keys[1]), &**what)));
    store.delete(&keys[1], None).await.unwrap();
    let census = look::<contracted::Shop>(&store).await;
    assert_eq!((census.problem_count, census.safe_to_raise_oldest_record()), (0, Some(3)));
}

/// Release 3, while a binary of release 1 may still run.
mod patient {
    use super::*;

    #[derive(SessionState)]
    #[session(name = "shop", version = 3, oldest_reader = 1, lock = off)]
    #[session(removed(key = "theme", from = String, since = 2))]
    pub(super) struct Shop {
        #[session(default, changed(since = 3, from = u8, up = u32::from, down = small))]
        hits: u32,
    }

    fn small(hits: u32) -> Result<u8, std::num::TryFromIntError> {
        hits.try_into()
    }
}

#[actix_web::test]
async fn a_form_that_an_older_binary_may_still_write_is_needed() {
    let (store, _) = memory(&[(&[("shop.hits", "7")], &[])]).await;
    assert_eq!(look::<patient::Shop>(&store).await.safe_to_raise_oldest_record(), Some(1));
}

/// A field without a stored value is not written, so its `down` cannot fail.
#[actix_web::test]
async fn a_default_is_not_a_problem() {
    #[derive(SessionState)]
    #[session(name = "shop", version = 2, lock = off)]
    struct Shop {
        #[session(default = 1000, changed(since = 2, from = u8, up = u32::from, down = small))]
        hits: u32,
    }

    fn small(hits: u32) -> Result<u8, std::num::TryFromIntError> {
        hits.try_into()
    }

    let (store, _) = memory(&[(&[("shop.other", "7")], &[]), (&[("shop.hits", "1")], &[])]).await;
    assert_eq!(look::<Shop>(&store).await.problem_count, 0);
}

/// A store without sessions is probably the wrong one, so it is not called safe.
#[actix_web::test]
async fn an_empty_store_is_not_called_safe() {
    let (store, _) = memory(&[]).await;
    let census = look::<v3b::Shop>(&store).await;
    assert_eq!(census.safe_to_raise_oldest_record(), None);
    assert!(census.to_string().contains("no sessions: is it the right store?"), "{census}");
}

/// The public id, as a list of sessions shows it.
fn public_id(key: &Selector) -> PublicId {
    let text = format!("{key:?}");
    text["Selector(".len()..text.len() - 1].parse().unwrap()
}

/// The report for people.
#[actix_web::test]
async fn a_report() {
    let old: &[_] = &[("$shop", "1"), ("shop.cart", "[11]"), ("shop.theme", r#""dark""#)];
    let new: &[_] = &[("$shop", "2"), ("shop.cart", "[11]"), ("shop.cart@3", "[]"), ("shop.later", "1")];
    let later: &[_] = &[("$shop", "4"), ("shop.cart@4", "[]")];
    let (store, keys) = memory(&[
        (old, &[]),
        (new, &[]),
        (new, &[("shop.cart", "[12]")]),
        (later, &[]),
        (&[], &[]),
        (&[("shop.cart@3", "7")], &[]),
    ])
    .await;
    let report = look::<v3::Shop>(&store).await.to_string();
    let expected = format!(
        "schema `shop`, version 3\n  \
         6 sessions, all of them; 5 of them with this schema\n  \
         1 too new for this binary\n  \
         1 does not say which version can read it\n  \
         1 can be read by version 1 and later\n  \
         2 can be read by version 2 and later\n  \
         1 can be read by version 4 and later\n  \
         shop.cart                older form         3 cells           39 bytes\n  \
         shop.cart@3              field              3 cells           38 bytes\n  \
         shop.cart@4              unknown            1 cell            13 bytes\n  \
         shop.later               unknown            2 cells           22 bytes\n  \
         shop.theme               removed            1 cell            16 bytes\n  \
         39 bytes in older forms\n  \
         1 still needs the conversions of version 2\n  \
         2 still need the conversions of version 3\n  \
         safe: `oldest_record = 1`, once no binary older than version 2 runs\n  \
         1 problem\n    \
         session {}: the stored session field `shop.cart@3` does not fit its type (at column 1)",
        public_id(&keys[5])
    );
    assert_eq!(report, expected);
}

#[actix_web::test]
async fn a_store_that_cannot_list_its_records_is_an_error() {
    let error = census::<v2::Shop>(&Plain(MemoryStore::unbounded()), 10).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unsupported);
}
