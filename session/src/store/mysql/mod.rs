//! Sessions in a MySQL or MariaDB database, shared by any number of machines.
//!
//! In and out: the store contract, by calling [`Record::apply`] on a row that is locked, between two messages. Never keeps a transaction
//! open beyond its call, and never sends a write again that may have been committed.
//!
//! Read from top to bottom:
//!
//! | Files | What they hold |
//! |---|---|
//! | `failure`, `connections` | the meaning of errors; connections and transactions, and whether one was committed |
//! | `statements`, `rows` | the SQL; records from rows |
//! | `open_error`, `url`, `options` | the settings, and what can be wrong with them |
//! | `layout` | creating and migrating the table |
//! | `store`, `held` | the store; a record that a transaction holds |
//! | this file | the store contract |
//!
//! What never goes in here: a decision that [`Record::apply`] makes, a value that is not hexadecimal in the text of a statement, a socket
//! of an actix worker.

use std::sync::Arc;

use self::{
    connections::Lease,
    failure::{DUPLICATE, Failure},
    held::{Held, Room, SignIn},
    statements::{AT_ONCE, Statements},
    store::swept,
};
use crate::{
    events::event::Observer,
    id::public::Selector,
    record::{
        apply::{Outcome, Record},
        change::{Change, MaxSessions, NewRecord},
        meta::Principal,
    },
    store::{
        abilities::Abilities,
        contract::{Created, Loaded, SessionStore, Updated},
        detached::detached,
        error::StoreError,
        index::{Listed, Page, PrincipalIndex},
        scan::{Cursor, Scan, Scanned},
        sweep::Sweep,
    },
};

pub use self::{open_error::OpenError, options::MySqlOptions, store::MySqlStore};

mod failure;
mod connections;
mod statements;
mod rows;
mod open_error;
mod url;
mod options;
mod layout;
mod store;
mod held;

impl SessionStore for MySqlStore {
    async fn load(&self, selector: &Selector) -> Result<Option<Loaded>, StoreError> {
        rows::loaded(&self.run_one(self.0.statements.load(selector)).await?)
    }

    async fn create(&self, selector: &Selector, new: &NewRecord) -> Result<Created, StoreError> {
        let (statements, selector, new) = (Arc::clone(&self.0.statements), *selector, Arc::new(new.clone()));
        let turn = new.principal.clone().filter(|_| new.max_sessions.is_some());
        let work = move |lease: Lease| create(lease, Arc::clone(&statements), selector, Arc::clone(&new));
        loop {
            if let Some(created) = self.run(turn.as_ref(), work.clone()).await? {
                return Ok(created);
            }
        }
    }

    async fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        let (statements, selector) = (Arc::clone(&self.0.statements), *selector);
        let change = Arc::new(change.clone());
        let principal = change.principal.clone().flatten();
        let turn = principal.filter(|_| change.max_sessions.is_some());
        let work = move |lease: Lease| update(lease, Arc::clone(&statements), selector, Arc::clone(&change));
        loop {
            if let Some(updated) = self.run(turn.as_ref(), work.clone()).await? {
                return Ok(updated);
            }
        }
    }

    async fn delete(&self, selector: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        let Some(principal) = only_if else {
            return self.run_one(self.0.statements.delete(selector)).await.map(drop);
        };
        let (statements, selector, principal) =
            (Arc::clone(&self.0.statements), *selector, principal.clone());
        self.run(None, move |lease| delete_of(lease, Arc::clone(&statements), selector, principal.clone()))
            .await
    }

    fn observed_by(&self, observer: Arc<dyn Observer>) {
        self.0.events.observed_by(observer);
    }

    fn abilities(&self) -> Abilities<'_> {
        Abilities::none().with_index(self).with_scan(self).with_sweep(self)
    }
}

/// `None`: some of very many sessions have ended to make room, and there may be more of them.
async fn create(
    lease: Lease,
    statements: Arc<Statements>,
    selector: Selector,
    new: Arc<NewRecord>,
) -> Result<Option<Created>, Failure> {
    let sign_in = sign_in(new.principal.as_ref(), new.max_sessions);
    let held = Held::take(lease, &statements, &selector, sign_in.as_ref()).await?;
    let record = Record::create(&new, held.now);
    let answer = match held.make_room(&statements, sign_in.as_ref()) {
        _ if held.exists() => Created::Exists,
        _ if record.is_expired(held.now) => Created::Created,
        Room::Refused => Created::TooMany,
        Room::NotYet(writes) => {
            held.transaction.commit(writes).await?;
            return Ok(None);
        }
        Room::There(mut writes) => {
            writes.push(statements.insert(&selector, &record)?);
            return match held.transaction.commit(writes).await {
                // A row that was not there could not be locked.
                Err(failure) if failure.refusal() == Some(DUPLICATE) => Ok(Some(Created::Exists)),
                done => done.map(|()| Some(Created::Created)),
            };
        }
    };
    held.transaction.roll_back().await;
    Ok(Some(answer))
}

/// `None`: as in [`create`].
async fn update(
    lease: Lease,
    statements: Arc<Statements>,
    selector: Selector,
    change: Arc<Change>,
) -> Result<Option<Updated>, Failure> {
    let sign_in = sign_in(change.principal.as_ref().and_then(Option::as_ref), change.max_sessions);
    let held = Held::take(lease, &statements, &selector, sign_in.as_ref()).await?;
    let record = match held.record() {
        Ok(Some(record)) => record,
        nothing => {
            held.transaction.roll_back().await;
            return Ok(nothing.map(|_| Some(Updated::Gone))?);
        }
    };
    let (writes, answer) = match record.apply(&change, held.now) {
        Outcome::Conflict => {
            held.transaction.roll_back().await;
            return Ok(Some(Updated::Conflict(Loaded::new(record, held.now))));
        }
        Outcome::Gone => (vec![statements.delete(&selector)], Some(Updated::Gone)),
        Outcome::Done(next) => {
            let newly = sign_in.filter(|_| next.meta().principal != record.meta().principal);
            match held.make_room(&statements, newly.as_ref()) {
                Room::Refused => {
                    held.transaction.roll_back().await;
                    return Ok(Some(Updated::TooMany));
                }
                Room::NotYet(writes) => (writes, None),
                Room::There(mut writes) => {
                    writes.push(statements.update(&selector, &next, next.cells() != record.cells())?);
                    (writes, Some(Updated::Done { revision: next.meta().revision }))
                }
            }
        }
    };
    held.transaction.commit(writes).await?;
    Ok(answer)
}

async fn delete_of(
    lease: Lease,
    statements: Arc<Statements>,
    selector: Selector,
    principal: Principal,
) -> Result<(), Failure> {
    let held = Held::take(lease, &statements, &selector, None).await?;
    match held.is_of(&principal) {
        Ok(true) => held.transaction.commit(vec![statements.delete(&selector)]).await,
        other => {
            held.transaction.roll_back().await;
            Ok(other.map(drop)?)
        }
    }
}

fn sign_in(principal: Option<&Principal>, max: Option<MaxSessions>) -> Option<SignIn> {
    principal.cloned().zip(max)
}

impl Scan for MySqlStore {
    async fn scan(&self, from: Option<&Cursor>, limit: u32) -> Result<Scanned, StoreError> {
        let after = from.and_then(Cursor::last_selector);
        let rows = self.run_one(self.0.statements.scan(after.as_ref(), limit)).await?;
        Ok(Scanned::in_order(rows::selectors(&rows), limit))
    }
}

impl PrincipalIndex for MySqlStore {
    async fn sessions_of(&self, principal: &Principal) -> Result<Vec<Listed>, StoreError> {
        Ok(rows::listed(&self.run_one(self.0.statements.list(principal)).await?))
    }

    async fn sessions_page(
        &self,
        principal: &Principal,
        after: Option<&Selector>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let limit = limit.max(1);
        Ok(rows::page(&self.run_one(self.0.statements.page(principal, after, limit)).await?, limit))
    }

    async fn count_of(&self, principal: &Principal) -> Result<u64, StoreError> {
        let rows = self.run_one(self.0.statements.count(principal)).await?;
        Ok(u64::try_from(rows::only::<i64>(&rows)?).unwrap_or_default())
    }

    /// Ends some at a time. A sign-in that comes in between is later than the call.
    async fn delete_all(&self, principal: &Principal, except: Option<&Selector>) -> Result<u64, StoreError> {
        let (store, principal, except) = (self.clone(), principal.clone(), except.copied());
        detached(async move { store.end_all(&principal, except.as_ref()).await }).await
    }
}

impl MySqlStore {
    async fn end_all(&self, principal: &Principal, except: Option<&Selector>) -> Result<u64, StoreError> {
        let (mut ended, mut after) = (0, None);
        loop {
            let (statements, theirs, except) =
                (Arc::clone(&self.0.statements), principal.clone(), except.copied());
            let work = move |lease| end_some(lease, Arc::clone(&statements), theirs.clone(), after, except);
            let (some, last) = self.run(Some(principal), work).await?;
            ended += some;
            if last.is_none() {
                return Ok(ended);
            }
            after = last;
        }
    }
}

/// Ends some of a principal's sessions after `after`. Returns how many were live, and the selector to go on after, if there may be more.
async fn end_some(
    lease: Lease,
    statements: Arc<Statements>,
    principal: Principal,
    after: Option<Selector>,
    except: Option<Selector>,
) -> Result<(u64, Option<Selector>), Failure> {
    let (transaction, mut answers) =
        lease.begin(None, vec![statements.hold_some(&principal, after.as_ref())]).await?;
    let rows = answers.pop().unwrap_or_default();
    let (live, last) = rows::held(&rows, except.as_ref());
    let Some(last) = last else {
        transaction.roll_back().await;
        return Ok((0, None));
    };
    let ends = statements.end_some(&principal, after.as_ref(), &last, except.as_ref());
    // Repeated, it ends what the first one left, and nothing else.
    transaction.commit(vec![ends]).await.map_err(Failure::of_repeatable)?;
    Ok((live, Some(last).filter(|_| rows.len() == AT_ONCE)))
}

impl Sweep for MySqlStore {
    async fn sweep(&self, limit: u32) -> Result<u32, StoreError> {
        let (statements, events) = (Arc::clone(&self.0.statements), self.0.events.clone());
        self.run(None, move |lease| swept(lease, Arc::clone(&statements), events.clone(), limit)).await
    }
}
