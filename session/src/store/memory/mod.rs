//! Sessions in this process's memory.
//!
//! In and out: the store contract, by calling [`Record::apply`](crate::record::Record::apply) under a lock. Never waits for anything but a lock.
//!
//! Read from top to bottom:
//!
//! | Files | What they hold |
//! |---|---|
//! | `owners` | the sessions of each principal |
//! | `footprint` | how much memory a record takes |
//! | `shards` | the records, in shards that have a lock each |
//! | `store` | the calls of the contract, on both |
//! | this file | [`MemoryStore`], which users see |
//!
//! What never goes in here: a task, a file, a decision that `Record::apply` makes.

use std::{fmt, sync::Arc};

use tokio::task::yield_now;

use self::{
    owners::Owners,
    shards::{SHARDS, Shards},
    store::Inner,
};
use crate::{
    events::{Events, event::Observer},
    id::public::{PublicId, Selector},
    record::{
        change::{Change, NewRecord},
        meta::Principal,
    },
    store::{
        abilities::Abilities,
        clock::{Clock, SystemClock},
        contract::{Created, Loaded, SessionStore, Updated},
        error::StoreError,
        index::{Listed, Page, PrincipalIndex},
        scan::{Cursor, Scan, Scanned},
        sweep::Sweep,
    },
};

mod owners;
mod footprint;
mod shards;
mod store;

/// Sessions in this process's memory, for tests, for development, and for a single process whose sessions may end with it.
///
/// Clones share the records. Every `create` and `update` also removes the expired records of one of 32 shards, in turn, so an expired record
/// leaves memory at the latest with the 32nd write after its end, whichever sessions are written.
///
/// ```
/// use actix_typed_session::store::MemoryStore;
///
/// let store = MemoryStore::with_max_bytes(256 << 20);
/// # let _ = store.len();
/// ```
#[derive(Clone)]
pub struct MemoryStore(Arc<Inner>);

impl MemoryStore {
    /// A store for sessions of about `bytes` bytes in all; [`bytes`](Self::bytes) tells how many there are.
    ///
    /// A full store refuses new sessions, and changes that make a session larger, with [`Full`](crate::store::StoreErrorKind::Full). For the
    /// session of a user it ends anonymous ones instead, those that end first, so that visitors who do not sign in lock nobody out. It never
    /// ends the session of a user to make room.
    #[must_use]
    pub fn with_max_bytes(bytes: usize) -> Self {
        Self::with(bytes, Arc::new(SystemClock))
    }

    /// A store without a limit. A client that begins many sessions can use up the memory.
    #[must_use]
    pub fn unbounded() -> Self {
        Self::with_max_bytes(usize::MAX)
    }

    /// An empty store with the same limit and this clock.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        Self::with(self.0.shards.max_bytes(), Arc::new(clock))
    }

    fn with(max_bytes: usize, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            shards: Shards::new(max_bytes),
            owners: Owners::default(),
            clock,
            events: Events::default(),
        }))
    }

    /// About how many bytes the records in memory take, with what is kept about them, including expired ones that have not been removed yet.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.shards.bytes()
    }

    /// How many records are in memory, including expired ones that have not been removed yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.shards.len()
    }

    /// Whether no records are in memory.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes every expired record now, and returns how many.
    #[allow(clippy::must_use_candidate)] // most callers do not need the number
    pub fn sweep(&self) -> usize {
        self.0.sweep()
    }
}

impl SessionStore for MemoryStore {
    async fn load(&self, selector: &Selector) -> Result<Option<Loaded>, StoreError> {
        Ok(self.0.load(selector))
    }

    async fn create(&self, selector: &Selector, record: &NewRecord) -> Result<Created, StoreError> {
        loop {
            if let Some(created) = self.0.create(selector, record)? {
                return Ok(created);
            }
            yield_now().await;
        }
    }

    async fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        loop {
            if let Some(updated) = self.0.update(selector, change)? {
                return Ok(updated);
            }
            yield_now().await;
        }
    }

    async fn delete(&self, selector: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        self.0.delete(selector, only_if);
        Ok(())
    }

    fn observed_by(&self, observer: Arc<dyn Observer>) {
        self.0.events.observed_by(observer);
    }

    fn abilities(&self) -> Abilities<'_> {
        Abilities::none().with_index(self).with_scan(self).with_sweep(self)
    }
}

impl Scan for MemoryStore {
    /// Goes through one shard after the other, each in order. The cursor is the number of the shard, and the last selector in it.
    async fn scan(&self, from: Option<&Cursor>, limit: u32) -> Result<Scanned, StoreError> {
        let (at, after) =
            from.map_or(("0", ""), |from| from.as_str().split_once(' ').unwrap_or((from.as_str(), "")));
        let at = at.parse().unwrap_or(0);
        let after = after.parse().ok().map(PublicId::selector);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).max(1);
        let Some(selectors) = self.0.shards.selectors(at, after, limit) else {
            return Ok(Scanned::default());
        };
        let next = match selectors.last() {
            Some(last) if selectors.len() == limit => Some(format!("{at} {}", PublicId::of(*last))),
            _ => (at + 1 < SHARDS).then(|| (at + 1).to_string()),
        };
        Ok(Scanned::new(selectors, next.map(Cursor::new)))
    }
}

impl PrincipalIndex for MemoryStore {
    async fn sessions_of(&self, principal: &Principal) -> Result<Vec<Listed>, StoreError> {
        Ok(self.0.listed(principal))
    }

    async fn sessions_page(
        &self,
        principal: &Principal,
        after: Option<&Selector>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
        let entries = self.0.owners.lock().page(principal, after, limit);
        let sessions = entries.iter().filter_map(|selector| self.0.listed_as(principal, *selector)).collect();
        Ok(Page::in_order(&entries, limit, |selector| Some(*selector), sessions))
    }

    async fn count_of(&self, principal: &Principal) -> Result<u64, StoreError> {
        // Expired ones do not count.
        self.0.sweep();
        Ok(u64::try_from(self.0.owners.lock().count(principal)).unwrap_or(u64::MAX))
    }

    /// Ends some at a time, because nobody can sign in meanwhile. A sign-in that comes in between is later than the call.
    async fn delete_all(&self, principal: &Principal, except: Option<&Selector>) -> Result<u64, StoreError> {
        let (mut ended, mut after) = (0, None);
        loop {
            let (some, last) = self.0.end_some(principal, after.as_ref(), except);
            ended += some;
            if last.is_none() {
                return Ok(ended);
            }
            after = last;
            yield_now().await;
        }
    }
}

impl Sweep for MemoryStore {
    /// Removes every expired record, even more than `limit`, because it takes hardly any time.
    async fn sweep(&self, _: u32) -> Result<u32, StoreError> {
        Ok(u32::try_from(MemoryStore::sweep(self)).unwrap_or(u32::MAX))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("len", &self.len())
            .field("bytes", &self.bytes())
            .field("max_bytes", &self.0.shards.max_bytes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        id::VerifierHash,
        record::{Limits, Timestamp},
        store::ManualClock,
    };

    fn selectors(from: u128) -> impl Iterator<Item = Selector> {
        (from..).map(|n| Selector::from_bytes(n.to_le_bytes()))
    }

    fn lives(hours: u64, principal: Option<&str>) -> NewRecord {
        let life = Duration::from_secs(hours * 3600);
        let mut new =
            NewRecord::new(VerifierHash::from_bytes([0; 32]), Limits { idle: life, absolute: 2 * life });
        new.principal = principal.map(Principal::from_store);
        new
    }

    /// Neither visitors who have left hide those who can make room, nor users who end before them, nor those who have made room.
    #[test]
    fn users_sign_in_to_a_full_store_as_long_as_there_are_visitors() {
        const EACH: usize = 64 * SHARDS;
        let store = MemoryStore::with_max_bytes(8_000_000);
        let begins = |new: &NewRecord, selector: &Selector| {
            matches!(store.0.create(selector, new), Ok(Some(Created::Created)))
        };
        for selector in selectors(0).take(EACH) {
            assert!(begins(&lives(1, None), &selector));
            store.0.delete(&selector, None);
        }
        assert!(
            selectors(1 << 32).take(EACH).all(|selector| begins(&lives(2, Some("shop.user=1")), &selector))
        );
        let visitors = selectors(1 << 64).take_while(|selector| begins(&lives(3, None), selector)).count();
        assert!(visitors > 4 * EACH);
        assert!(
            selectors(1 << 96)
                .take(3 * EACH)
                .all(|selector| begins(&lives(4, Some("shop.user=2")), &selector))
        );
        assert_eq!(store.0.owners.lock().count(&Principal::from_store("shop.user=1")), EACH);
    }

    /// Who makes room is the visitor who ends first: not one who was seen again, and not one who has signed in.
    #[test]
    fn the_visitor_who_ends_first_makes_room() {
        let clock = ManualClock::at(Timestamp::from_millis(0));
        let store = MemoryStore::with_max_bytes(4 * 640 + 400).with_clock(clock.clone());
        let in_a_shard = [1, 2, 3, 4].map(|n: u128| Selector::from_bytes((n << 64).to_le_bytes()));
        for selector in &in_a_shard {
            assert!(matches!(store.0.create(selector, &lives(1, None)), Ok(Some(Created::Created))));
            clock.advance(Duration::from_secs(1));
        }
        let [one, two, three, four] = in_a_shard;
        let user = Principal::from_store("shop.user=1");
        let seen = Change { touch: true, ..Change::default() };
        let signed_in = Change { principal: Some(Some(user)), ..Change::default() };
        assert!(matches!(store.0.update(&one, &seen), Ok(Some(Updated::Done { .. }))));
        assert!(matches!(store.0.update(&two, &signed_in), Ok(Some(Updated::Done { .. }))));
        let new = Selector::from_bytes([7; 16]);
        assert!(matches!(store.0.create(&new, &lives(1, Some("shop.user=2"))), Ok(Some(Created::Created))));
        let lives: Vec<_> =
            [one, two, three, four, new].iter().map(|it| store.0.load(it).is_some()).collect();
        assert_eq!(lives, [true, true, false, true, true]);
    }

    #[test]
    fn signing_in_and_out_all_day_does_not_fill_memory() {
        let store = MemoryStore::with_max_bytes(10_000);
        let hours = Duration::from_secs(24 * 3600);
        let limits = Limits { idle: hours, absolute: hours };
        let mut new = NewRecord::new(VerifierHash::from_bytes([0; 32]), limits);
        for n in 0..100_000_u128 {
            let selector = Selector::from_bytes(n.to_le_bytes());
            new.principal = Some(Principal::from_store(&format!("shop.user={n}")));
            assert!(matches!(store.0.create(&selector, &new), Ok(Some(Created::Created))));
            store.0.delete(&selector, None);
        }
        let ends = store.0.shards.ends();
        assert!(ends < 10_000, "{ends} ends of removed records");
        assert_eq!(store.0.owners.lock().len(), 0);
    }
}
