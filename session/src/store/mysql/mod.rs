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
    held::{Held, SignIn},
    statements::Statements,
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
        self.run(turn.as_ref(), move |lease| {
            create(lease, Arc::clone(&statements), selector, Arc::clone(&new))
        })
        .await
    }

    async fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        let (statements, selector) = (Arc::clone(&self.0.statements), *selector);
        let change = Arc::new(change.clone());
        let principal = change.principal.clone().flatten();
        let turn = principal.filter(|_| change.max_sessions.is_some());
        self.run(turn.as_ref(), move |lease| {
            update(lease, Arc::clone(&statements), selector, Arc::clone(&change))
        })
        .await
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

async fn create(
    lease: Lease,
    statements: Arc<Statements>,
    selector: Selector,
    new: Arc<NewRecord>,
) -> Result<Created, Failure> {
    let sign_in = sign_in(new.principal.as_ref(), new.max_sessions);
    let held = Held::take(lease, &statements, &selector, sign_in.as_ref()).await?;
    let record = Record::create(&new, held.now);
    let answer = match held.make_room(&statements, sign_in.as_ref()) {
        _ if held.exists() => Created::Exists,
        _ if record.is_expired(held.now) => Created::Created,
        None => Created::TooMany,
        Some(mut writes) => {
            writes.push(statements.insert(&selector, &record)?);
            return match held.transaction.commit(writes).await {
                // A row that was not there could not be locked.
                Err(failure) if failure.refusal() == Some(DUPLICATE) => Ok(Created::Exists),
                done => done.map(|()| Created::Created),
            };
        }
    };
    held.transaction.roll_back().await;
    Ok(answer)
}

async fn update(
    lease: Lease,
    statements: Arc<Statements>,
    selector: Selector,
    change: Arc<Change>,
) -> Result<Updated, Failure> {
    let sign_in = sign_in(change.principal.as_ref().and_then(Option::as_ref), change.max_sessions);
    let held = Held::take(lease, &statements, &selector, sign_in.as_ref()).await?;
    let record = match held.record() {
        Ok(Some(record)) => record,
        nothing => {
            held.transaction.roll_back().await;
            return Ok(nothing.map(|_| Updated::Gone)?);
        }
    };
    let (writes, answer) = match record.apply(&change, held.now) {
        Outcome::Conflict => {
            held.transaction.roll_back().await;
            return Ok(Updated::Conflict(Loaded::new(record, held.now)));
        }
        Outcome::Gone => (vec![statements.delete(&selector)], Updated::Gone),
        Outcome::Done(next) => {
            let newly = sign_in.filter(|_| next.meta().principal != record.meta().principal);
            let Some(mut writes) = held.make_room(&statements, newly.as_ref()) else {
                held.transaction.roll_back().await;
                return Ok(Updated::TooMany);
            };
            writes.push(statements.update(&selector, &next, next.cells() != record.cells())?);
            (writes, Updated::Done { revision: next.meta().revision })
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

    /// Counts sessions that have expired until they are swept.
    async fn count_of(&self, principal: &Principal) -> Result<u64, StoreError> {
        let rows = self.run_one(self.0.statements.count(principal)).await?;
        Ok(u64::try_from(rows::only::<i64>(&rows)?).unwrap_or_default())
    }

    async fn delete_all(&self, principal: &Principal, except: Option<&Selector>) -> Result<u64, StoreError> {
        let (holds, ends) =
            (self.0.statements.hold_all(principal, except), self.0.statements.end_all(principal, except));
        let all = move |lease: Lease| {
            let (holds, ends) = (holds.clone(), ends.clone());
            async move {
                let (transaction, mut answers) = lease.begin(None, vec![holds]).await?;
                let live = rows::live(&answers.pop().unwrap_or_default());
                // Repeated, it ends what the first one left, and nothing else.
                transaction.commit(vec![ends]).await.map_err(Failure::of_repeatable)?;
                Ok(live)
            }
        };
        self.run(Some(principal), all).await
    }
}

impl Sweep for MySqlStore {
    async fn sweep(&self, limit: u32) -> Result<u32, StoreError> {
        let (statements, events) = (Arc::clone(&self.0.statements), self.0.events.clone());
        self.run(None, move |lease| swept(lease, Arc::clone(&statements), events.clone(), limit)).await
    }
}
