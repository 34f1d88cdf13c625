//! Sessions in one SQLite file, shared by the processes of one machine.
//!
//! In and out: the store contract, by calling [`Record::apply`] between `BEGIN IMMEDIATE` and `COMMIT`. Never keeps a transaction open
//! beyond its call, and never sends a write a second time.

// Read from top to bottom:
//
// | Files | What they hold |
// |---|---|
// | `connections` | connections that can be dropped at any moment, and the meaning of SQLite's errors |
// | `options`, `layout` | the settings; the tables, their version, and opening the file |
// | `rows` | records as rows |
// | `store` | the store, and the task that removes expired records |
// | `index` | the sessions of a principal, and the maximum of them |
// | this file | the store contract |
//
// What never goes in here: a decision that [`Record::apply`] makes, sqlx's pool and transactions.

use std::sync::Arc;

use self::{
    index::{Room, make_room},
    rows::Rows,
};
use crate::{
    events::event::Observer,
    id::public::Selector,
    record::{
        apply::{Outcome, Record},
        change::{Change, NewRecord},
        meta::Principal,
    },
    store::{
        abilities::Abilities,
        contract::{Created, Loaded, SessionStore, Updated},
        error::{StoreError, StoreErrorKind},
        scan::{Cursor, Scan, Scanned},
    },
};

pub use self::{
    layout::OpenError,
    options::{SqliteOptions, Synchronous},
    store::SqliteStore,
};

mod connections;
mod options;
mod layout;
mod rows;
mod store;
mod index;

/// How many expired records each `create` removes: more than it adds, and few enough to cost a request nothing.
const SWEPT_WITH_CREATE: u32 = 32;

impl SessionStore for SqliteStore {
    async fn load(&self, selector: &Selector) -> Result<Option<Loaded>, StoreError> {
        // Before the read: with a later time, a record that is touched in the meantime would look expired.
        let now = self.0.clock.now();
        let mut lease = self.0.readers.lease().await?;
        let record = Rows::of(&mut lease, selector).load().await;
        // A record that cannot be read does not mean that anything is wrong with the connection.
        if record.as_ref().err().is_none_or(|error| error.kind() != StoreErrorKind::Unavailable) {
            lease.give_back();
        }
        Ok(record?.filter(|record| !record.is_expired(now)).map(|record| Loaded::new(record, now)))
    }

    async fn create(&self, selector: &Selector, new: &NewRecord) -> Result<Created, StoreError> {
        loop {
            if let Some(created) = self.try_create(selector, new).await? {
                return Ok(created);
            }
        }
    }

    async fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        loop {
            if let Some(updated) = self.try_update(selector, change).await? {
                return Ok(updated);
            }
        }
    }

    async fn delete(&self, selector: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        let mut lease = self.0.writer.begin().await?;
        let mut rows = Rows::of(&mut lease, selector);
        if only_if.is_some() {
            let matches = |record: Record| record.meta().principal.as_ref() == only_if;
            // A record that cannot be read may belong to this principal, so the call fails: the session may still be there.
            match rows.load().await.map(|record| record.is_some_and(matches)) {
                Ok(true) => {}
                other => {
                    lease.rollback().await;
                    return other.map(|_| ());
                }
            }
        }
        rows.delete().await?;
        lease.commit().await
    }

    fn observed_by(&self, observer: Arc<dyn Observer>) {
        self.0.events.observed_by(observer);
    }

    fn abilities(&self) -> Abilities<'_> {
        Abilities::none().with_index(self).with_scan(self).with_sweep(self)
    }
}

impl SqliteStore {
    /// `None`: some of very many sessions have ended to make room, and there may be more of them.
    async fn try_create(&self, selector: &Selector, new: &NewRecord) -> Result<Option<Created>, StoreError> {
        let mut lease = self.0.writer.begin().await?;
        // Under the lock, as in `update`: waiting for it may have taken a while.
        let now = self.0.clock.now();
        let swept = rows::sweep(&mut lease, now, SWEPT_WITH_CREATE).await?;
        let record = Record::create(new, now);
        let answer = if Rows::of(&mut lease, selector).any().await? {
            Some(Created::Exists)
        } else if record.is_expired(now) {
            Some(Created::Created)
        } else {
            match make_room(&mut lease, selector, new.principal.as_ref(), new.max_sessions, now).await? {
                Room::There => {
                    Rows::of(&mut lease, selector).insert(&record).await?;
                    Some(Created::Created)
                }
                Room::NotYet => None,
                Room::Refused => Some(Created::TooMany),
            }
        };
        lease.commit().await?;
        self.0.events.swept(swept);
        Ok(answer)
    }

    /// `None`: as in [`try_create`](Self::try_create).
    async fn try_update(&self, selector: &Selector, change: &Change) -> Result<Option<Updated>, StoreError> {
        let mut lease = self.0.writer.begin().await?;
        let now = self.0.clock.now();
        let mut rows = Rows::of(&mut lease, selector);
        let record = match rows.load().await {
            Ok(Some(record)) => record,
            nothing => {
                lease.rollback().await;
                return nothing.map(|_| Some(Updated::Gone));
            }
        };
        let answer = match record.apply(change, now) {
            Outcome::Conflict => {
                lease.rollback().await;
                return Ok(Some(Updated::Conflict(Loaded::new(record, now))));
            }
            Outcome::Done(next) => {
                let principal = next.meta().principal.as_ref();
                let more = principal.filter(|_| principal != record.meta().principal.as_ref());
                match make_room(&mut lease, selector, more, change.max_sessions, now).await? {
                    Room::There => {
                        Rows::of(&mut lease, selector).write(change, &next).await?;
                        Some(Updated::Done { revision: next.meta().revision })
                    }
                    Room::NotYet => None,
                    Room::Refused => {
                        lease.rollback().await;
                        return Ok(Some(Updated::TooMany));
                    }
                }
            }
            Outcome::Gone => {
                rows.delete().await?;
                Some(Updated::Gone)
            }
        };
        lease.commit().await?;
        Ok(answer)
    }
}

impl Scan for SqliteStore {
    async fn scan(&self, from: Option<&Cursor>, limit: u32) -> Result<Scanned, StoreError> {
        let mut lease = self.0.readers.lease().await?;
        let selectors = rows::selectors(&mut lease, from.and_then(Cursor::last_selector), limit).await?;
        lease.give_back();
        Ok(Scanned::in_order(selectors, limit))
    }
}
