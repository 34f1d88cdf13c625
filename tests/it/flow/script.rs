//! A store in memory that records its calls, and fails where a test says so.

use std::sync::{Arc, Mutex};

use actix_typed_session::{
    change::{CellWrite, Change, NewRecord},
    id::Selector,
    record::{Json, Principal, Record, Unreadable, WireKey},
    store::{
        Abilities, Created, Listed, Loaded, MemoryStore, Page, PrincipalIndex, SessionStore, StoreError,
        StoreErrorKind, Updated,
    },
};
use tokio::sync::Notify;

/// The effect of one call.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// An update answers `Conflict`, with the record unchanged.
    Conflict,
    /// The record is gone.
    Gone,
    /// A create finds that the record exists.
    Exists,
    /// The call fails with this error and changes nothing.
    Fails(StoreErrorKind),
    /// The call takes effect, and its answer is lost.
    Unanswered,
    /// Another request changes the record first.
    After(Box<Change>),
    /// The record is deleted first.
    AfterDelete,
    /// The call waits for [`Script::release`], and then has the inner effect, if any.
    Held(Option<Box<Fault>>),
}

#[derive(Clone)]
pub(super) struct Script {
    inner: MemoryStore,
    book: Arc<Mutex<Book>>,
    release: Arc<Notify>,
}

#[derive(Default)]
struct Book {
    asked: Vec<&'static str>,
    changes: Vec<Change>,
    created: Vec<NewRecord>,
    plan: Vec<(&'static str, usize, Fault)>,
    always: Option<Fault>,
    damage: Option<StoreErrorKind>,
    last: Option<Selector>,
}

/// The name of an update in the record of calls: `touch` if it only touches, `renew` if it changes the id, otherwise `update`.
fn verb(change: &Change) -> &'static str {
    let mut touch = Change::default();
    touch.touch = true;
    match () {
        () if *change == touch => "touch",
        () if change.renewal.is_some() => "renew",
        () => "update",
    }
}

impl Script {
    pub(super) fn over(inner: MemoryStore) -> Self {
        Self { inner, book: Arc::default(), release: Arc::default() }
    }

    /// The calls since this was last called, as names.
    pub(super) fn asked(&self) -> String {
        let mut book = self.book.lock().unwrap();
        book.changes.clear();
        book.created.clear();
        std::mem::take(&mut book.asked).join(" ")
    }

    /// The change of the last update.
    pub(super) fn last_change(&self) -> Change {
        self.book.lock().unwrap().changes.last().cloned().unwrap()
    }

    /// The record of the last create.
    pub(super) fn last_created(&self) -> NewRecord {
        self.book.lock().unwrap().created.last().cloned().unwrap()
    }

    /// Plans a fault for the `nth` call from now on, the next being 1, of `load`, `create`, `update`, `delete`, `list` or `end`.
    pub(super) fn at(&self, call: &'static str, nth: usize, fault: Fault) {
        self.book.lock().unwrap().plan.push((call, nth, fault));
    }

    /// Sets a fault for every `update` from now on.
    pub(super) fn always(&self, fault: Option<Fault>) {
        self.book.lock().unwrap().always = fault;
    }

    /// Makes loads fail with this error.
    pub(super) fn damage(&self, kind: Option<StoreErrorKind>) {
        self.book.lock().unwrap().damage = kind;
    }

    /// Lets a held call go on.
    pub(super) fn release(&self) {
        self.release.notify_one();
    }

    /// Whether the record of calls contains these. It is not cleared.
    pub(super) fn was_asked(&self, calls: &str) -> bool {
        self.book.lock().unwrap().asked.join(" ").contains(calls)
    }

    pub(super) fn len(&self) -> usize {
        self.inner.len()
    }

    /// The stored record of the session that was used last.
    pub(super) async fn record(&self) -> Option<Arc<Record>> {
        let key = self.book.lock().unwrap().last.unwrap();
        let found = self.inner.load(&key).await.unwrap();
        found.map(|loaded| loaded.record)
    }

    /// Writes a cell of the record that was used last, as another request.
    pub(super) async fn write(&self, key: &'static str, json: &str) {
        let mut change = Change::default();
        change.write = vec![CellWrite::new(WireKey::from_static(key), Json::from_store(json))];
        let last = self.book.lock().unwrap().last.unwrap();
        let updated = self.inner.update(&last, &change).await.unwrap();
        assert!(matches!(updated, Updated::Done { .. }));
    }

    fn note(&self, call: &'static str, name: &'static str, key: &Selector) -> Option<Fault> {
        let mut book = self.book.lock().unwrap();
        book.asked.push(name);
        book.last = Some(*key);
        let mut now = if call == "update" { book.always.clone() } else { None };
        book.plan.retain_mut(|(planned, left, fault)| {
            if *planned != call {
                return true;
            }
            *left -= 1;
            if *left == 0 {
                now = Some(fault.clone());
            }
            *left > 0
        });
        now
    }
}

impl SessionStore for Script {
    async fn load(&self, key: &Selector) -> Result<Option<Loaded>, StoreError> {
        let fault = self.note("load", "load", key);
        // The answer takes a moment, as from a server. A second extractor must not load again in the meantime.
        tokio::task::yield_now().await;
        if let Some(Fault::Held(_)) = fault {
            self.release.notified().await;
        }
        let damage = self.book.lock().unwrap().damage;
        match (fault, damage) {
            (Some(Fault::Fails(kind)), _) => Err(StoreError::new(kind)),
            (_, Some(StoreErrorKind::Unreadable)) => Err(Unreadable::Garbage.into()),
            (_, Some(kind)) => Err(StoreError::new(kind)),
            _ => self.inner.load(key).await,
        }
    }

    async fn create(&self, key: &Selector, record: &NewRecord) -> Result<Created, StoreError> {
        let fault = self.note("create", "create", key);
        self.book.lock().unwrap().created.push(record.clone());
        match fault {
            Some(Fault::Fails(kind)) => Err(StoreError::new(kind)),
            Some(Fault::Exists) => Ok(Created::Exists),
            Some(Fault::Unanswered) => {
                self.inner.create(key, record).await?;
                Err(StoreError::new(StoreErrorKind::UnknownOutcome))
            }
            _ => self.inner.create(key, record).await,
        }
    }

    async fn update(&self, key: &Selector, change: &Change) -> Result<Updated, StoreError> {
        let mut fault = self.note("update", verb(change), key);
        self.book.lock().unwrap().changes.push(change.clone());
        if let Some(Fault::Held(then)) = fault {
            self.release.notified().await;
            fault = then.map(|then| *then);
        }
        match fault {
            Some(Fault::Fails(kind)) => return Err(StoreError::new(kind)),
            Some(Fault::Gone) => return Ok(Updated::Gone),
            Some(Fault::Conflict) => {
                let current = self.inner.load(key).await?;
                return Ok(current.map_or(Updated::Gone, Updated::Conflict));
            }
            Some(Fault::Unanswered) => {
                self.inner.update(key, change).await?;
                return Err(StoreError::new(StoreErrorKind::UnknownOutcome));
            }
            Some(Fault::After(other)) => drop(self.inner.update(key, &other).await?),
            Some(Fault::AfterDelete) => self.inner.delete(key, None).await?,
            Some(Fault::Exists | Fault::Held(_)) | None => {}
        }
        self.inner.update(key, change).await
    }

    async fn delete(&self, key: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        match self.note("delete", "delete", key) {
            Some(Fault::Fails(kind)) => Err(StoreError::new(kind)),
            _ => self.inner.delete(key, only_if).await,
        }
    }

    fn abilities(&self) -> Abilities<'_> {
        Abilities::none().with_index(self)
    }
}

impl PrincipalIndex for Script {
    async fn sessions_of(&self, principal: &Principal) -> Result<Vec<Listed>, StoreError> {
        match self.note("list", "list", &Selector::from_bytes([0; 16])) {
            Some(Fault::Fails(kind)) => Err(StoreError::new(kind)),
            _ => self.inner.sessions_of(principal).await,
        }
    }

    async fn sessions_page(
        &self,
        principal: &Principal,
        after: Option<&Selector>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        match self.note("page", "page", &Selector::from_bytes([0; 16])) {
            Some(Fault::Fails(kind)) => Err(StoreError::new(kind)),
            _ => self.inner.sessions_page(principal, after, limit).await,
        }
    }

    async fn count_of(&self, principal: &Principal) -> Result<u64, StoreError> {
        match self.note("count", "count", &Selector::from_bytes([0; 16])) {
            Some(Fault::Fails(kind)) => Err(StoreError::new(kind)),
            _ => self.inner.count_of(principal).await,
        }
    }

    async fn delete_all(&self, principal: &Principal, except: Option<&Selector>) -> Result<u64, StoreError> {
        match self.note("end", "end", &Selector::from_bytes([0; 16])) {
            Some(Fault::Fails(kind)) => Err(StoreError::new(kind)),
            _ => self.inner.delete_all(principal, except).await,
        }
    }
}
