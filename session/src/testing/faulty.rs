//! A store that fails or stalls when a test says so.
//!
//! In: a store, and the condition that it is in. Out: the same store, or its failures. Never: a failure that no store has.

use std::{fmt, sync::Arc};

use tokio::sync::watch;

use crate::{
    events::event::Observer,
    id::public::Selector,
    record::{
        change::{Change, NewRecord},
        meta::Principal,
    },
    store::{
        abilities::Abilities,
        any::AnyStore,
        contract::{Created, Loaded, SessionStore, Updated},
        error::{StoreError, StoreErrorKind},
        index::{Listed, Page, PrincipalIndex},
        scan::{Cursor, Scan, Scanned},
        sweep::Sweep,
    },
};

/// A store around another one, for tests of outages. It works until [`set`](Self::set) puts it into another [`Condition`]. Clones share
/// the condition.
///
/// The middleware asks a store that failed three times in a row only every quarter of a second, as in production. A test that goes on
/// after such an outage waits for that long.
///
/// ```
/// use actix_typed_session::{
///     Key, SessionMiddleware, SessionState, TypedSession,
///     store::MemoryStore,
///     testing::{Condition, FaultyStore},
/// };
/// use actix_web::{App, test, web};
///
/// # #[derive(SessionState)]
/// # #[session(version = 1)]
/// # struct Counter {
/// #     #[session(default)]
/// #     visits: u32,
/// # }
/// async fn count(mut counter: TypedSession<Counter>) -> String {
///     counter.update_visits(|visits| *visits += 1);
///     counter.visits().to_string()
/// }
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = FaultyStore::over(MemoryStore::unbounded());
/// let sessions = SessionMiddleware::new(store.clone(), Key::generate()?);
/// let app = test::init_service(App::new().wrap(sessions).route("/", web::get().to(count))).await;
///
/// store.set(Condition::Down);
/// let response = test::call_service(&app, test::TestRequest::default().to_request()).await;
/// assert_eq!(response.status(), 503);
/// store.set(Condition::Healthy);
/// let response = test::call_service(&app, test::TestRequest::default().to_request()).await;
/// assert_eq!(response.status(), 200);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FaultyStore {
    store: AnyStore,
    condition: Arc<watch::Sender<Condition>>,
}

/// What a [`FaultyStore`] does with calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Condition {
    /// It carries them out.
    #[default]
    Healthy,
    /// Every call fails at once with [`StoreErrorKind::Unavailable`], as when nothing listens at the address.
    Down,
    /// Reads are carried out, and writes fail with [`StoreErrorKind::Unavailable`], as when a primary has become a replica.
    ReadOnly,
    /// Reads and deletes are carried out, and other writes fail with [`StoreErrorKind::Full`].
    Full,
    /// No call is answered until the condition is another one; then it is carried out. The middleware gives up at its deadline.
    Stalled,
    /// Reads are carried out, and so are writes, but their answers are lost: they fail with [`StoreErrorKind::UnknownOutcome`].
    LosesAnswers,
}

/// What a call does, as far as a condition makes a difference.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Read,
    Write,
    Delete,
}

impl FaultyStore {
    /// Puts `store`, of any kind, behind conditions; it is healthy.
    #[must_use]
    pub fn over(store: impl SessionStore) -> Self {
        Self { store: AnyStore::new(store), condition: Arc::new(watch::Sender::new(Condition::Healthy)) }
    }

    /// Puts it into this condition, from the next call on.
    pub fn set(&self, condition: Condition) {
        self.condition.send_replace(condition);
    }

    /// Makes a call in the condition of the moment.
    async fn make<T>(
        &self,
        kind: Call,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let mut condition = self.condition.subscribe();
        // The sender lives as long as `self`.
        let condition = condition.wait_for(|now| *now != Condition::Stalled).await.map(|now| *now);
        let fails = |kind| Err(StoreError::new(kind).with_source("a test wants it so"));
        match (condition.unwrap_or_default(), kind) {
            (Condition::Down, _) | (Condition::ReadOnly, Call::Write | Call::Delete) => {
                fails(StoreErrorKind::Unavailable)
            }
            (Condition::Full, Call::Write) => fails(StoreErrorKind::Full),
            (Condition::LosesAnswers, Call::Write | Call::Delete) => {
                call.await?;
                fails(StoreErrorKind::UnknownOutcome)
            }
            _ => call.await,
        }
    }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyStore").field("condition", &*self.condition.borrow()).finish_non_exhaustive()
    }
}

impl SessionStore for FaultyStore {
    async fn load(&self, selector: &Selector) -> Result<Option<Loaded>, StoreError> {
        self.make(Call::Read, self.store.load(selector)).await
    }

    async fn create(&self, selector: &Selector, record: &NewRecord) -> Result<Created, StoreError> {
        self.make(Call::Write, self.store.create(selector, record)).await
    }

    async fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        self.make(Call::Write, self.store.update(selector, change)).await
    }

    async fn delete(&self, selector: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        self.make(Call::Delete, self.store.delete(selector, only_if)).await
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.make(Call::Read, self.store.health()).await
    }

    fn observed_by(&self, observer: Arc<dyn Observer>) {
        self.store.observed_by(observer);
    }

    fn abilities(&self) -> Abilities<'_> {
        let (within, mut abilities) = (self.store.abilities(), Abilities::none());
        if within.has_index() {
            abilities = abilities.with_index(self);
        }
        if within.has_scan() {
            abilities = abilities.with_scan(self);
        }
        if within.has_sweep() {
            abilities = abilities.with_sweep(self);
        }
        abilities
    }
}

impl PrincipalIndex for FaultyStore {
    async fn sessions_of(&self, principal: &Principal) -> Result<Vec<Listed>, StoreError> {
        self.make(Call::Read, self.store.sessions_of(principal)).await
    }

    async fn sessions_page(
        &self,
        principal: &Principal,
        after: Option<&Selector>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        self.make(Call::Read, self.store.sessions_page(principal, after, limit)).await
    }

    async fn count_of(&self, principal: &Principal) -> Result<u64, StoreError> {
        self.make(Call::Read, self.store.count_of(principal)).await
    }

    async fn delete_all(&self, principal: &Principal, except: Option<&Selector>) -> Result<u64, StoreError> {
        self.make(Call::Delete, self.store.delete_all(principal, except)).await
    }
}

impl Scan for FaultyStore {
    async fn scan(&self, from: Option<&Cursor>, limit: u32) -> Result<Scanned, StoreError> {
        self.make(Call::Read, self.store.scan(from, limit)).await
    }
}

impl Sweep for FaultyStore {
    async fn sweep(&self, limit: u32) -> Result<u32, StoreError> {
        self.make(Call::Delete, self.store.sweep(limit)).await
    }
}
