//! Sessions in a PostgreSQL database, shared by any number of machines.
//!
//! In and out: the store contract, each call one statement. Never keeps a transaction open beyond its call, and never sends a write again that
//! may have been executed.
//!
//! Read from top to bottom:
//!
//! | Files | What they hold |
//! |---|---|
//! | `failure`, `dial`, `connections` | the meaning of errors; opening connections; using them, and whether a statement was executed |
//! | `rows`, `statements` | values and records; the SQL, which agrees with `Record::apply` |
//! | `names`, `open_error`, `url`, `options` | the names of the tables; the settings, and what can be wrong with them |
//! | `layout` | creating and migrating the tables |
//! | `store` | the store |
//! | this file | the store contract |
//!
//! What never goes in here: a statement that is sent twice, a value in the text of a statement, a socket of an actix worker.

use std::sync::Arc;

use self::{rows::Values, store::swept};
use crate::{
    events::event::Observer,
    id::public::Selector,
    record::{
        change::{Change, NewRecord},
        meta::{Principal, Unreadable},
    },
    store::{
        abilities::Abilities,
        contract::{Created, Loaded, SessionStore, Updated},
        detached::detached,
        error::{StoreError, StoreErrorKind},
        index::{Listed, Page, PrincipalIndex},
        scan::{Cursor, Scan, Scanned},
        sweep::Sweep,
    },
};

pub use self::{open_error::OpenError, options::PostgresOptions, store::PostgresStore};

mod failure;
mod dial;
mod connections;
mod rows;
mod statements;
mod names;
mod open_error;
mod url;
mod options;
mod layout;
mod store;

impl SessionStore for PostgresStore {
    async fn load(&self, selector: &Selector) -> Result<Option<Loaded>, StoreError> {
        rows::loaded(&self.read(&self.0.statements.load, Values::of_selector(selector)).await?)
    }

    async fn create(&self, selector: &Selector, new: &NewRecord) -> Result<Created, StoreError> {
        let (statements, values) = (&self.0.statements, rows::create(selector, new));
        let rows = match new.principal.as_ref().filter(|_| new.max_sessions.is_some()) {
            Some(principal) => self.write_in_turn(principal, &statements.create_limited, values).await?,
            None => self.write(&statements.create, values).await?,
        };
        match rows::only::<&str>(&rows)? {
            "created" => Ok(Created::Created),
            "too many" => Ok(Created::TooMany),
            _ => Ok(Created::Exists),
        }
    }

    async fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        let principal = change.principal.as_ref().and_then(Option::as_ref);
        let (statements, values) = (&self.0.statements, rows::update(selector, change));
        let rows = match principal.filter(|_| change.max_sessions.is_some()) {
            Some(principal) => self.write_in_turn(principal, &statements.update_limited, values).await?,
            None => self.write(&statements.update, values).await?,
        };
        rows::updated(&rows)
    }

    async fn delete(&self, selector: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        let Some(principal) = only_if else {
            return self.write(&self.0.statements.delete, Values::of_selector(selector)).await.map(|_| ());
        };
        let values = Values::of_selector(selector).and(rows::text(principal));
        let rows = self.write(&self.0.statements.delete_of, values).await?;
        // A record that cannot be read may belong to this principal, so the call fails: the session may still be there.
        if rows.is_empty() || rows::only(&rows)? { Ok(()) } else { Err(Unreadable::Garbage.into()) }
    }

    fn observed_by(&self, observer: Arc<dyn Observer>) {
        self.0.events.observed_by(observer);
    }

    fn abilities(&self) -> Abilities<'_> {
        Abilities::none().with_index(self).with_scan(self).with_sweep(self)
    }
}

impl Scan for PostgresStore {
    async fn scan(&self, from: Option<&Cursor>, limit: u32) -> Result<Scanned, StoreError> {
        let last = from.and_then(Cursor::last_selector);
        let last = last.map(|selector| selector.as_bytes().to_vec()).unwrap_or_default();
        let values = Values::none().and(last).and(i64::from(limit));
        Ok(Scanned::in_order(rows::selectors(&self.read(&self.0.statements.scan, values).await?), limit))
    }
}

impl PrincipalIndex for PostgresStore {
    async fn sessions_of(&self, principal: &Principal) -> Result<Vec<Listed>, StoreError> {
        Ok(rows::listed(&self.read(&self.0.statements.list, Values::of_principal(principal)).await?))
    }

    async fn sessions_page(
        &self,
        principal: &Principal,
        after: Option<&Selector>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let limit = limit.max(1);
        let after = after.map(|selector| selector.as_bytes().to_vec()).unwrap_or_default();
        let values = Values::of_principal(principal).and(after).and(i64::from(limit));
        Ok(rows::page(&self.read(&self.0.statements.page, values).await?, limit))
    }

    async fn count_of(&self, principal: &Principal) -> Result<u64, StoreError> {
        let rows = self.read(&self.0.statements.count, Values::of_principal(principal)).await?;
        Ok(u64::try_from(rows::only::<i64>(&rows)?).unwrap_or_default())
    }

    /// Ends some at a time. A sign-in that comes in between is later than the call.
    async fn delete_all(&self, principal: &Principal, except: Option<&Selector>) -> Result<u64, StoreError> {
        let (store, principal, except) = (self.clone(), principal.clone(), except.copied());
        detached(async move { store.end_all(&principal, except.as_ref()).await }).await
    }
}

impl PostgresStore {
    async fn end_all(&self, principal: &Principal, except: Option<&Selector>) -> Result<u64, StoreError> {
        let bytes = |selector: &Selector| selector.as_bytes().to_vec();
        let (mut ended, mut after, turn) = (0, None, self.0.turn(principal));
        loop {
            let values = Values::of_principal(principal)
                .and(turn)
                .and(after.as_ref().map(bytes).unwrap_or_default())
                .and(except.map(bytes));
            let rows = self.run(Some(turn), &self.0.statements.delete_some, values).await?;
            let (some, last) = rows::ended(&rows)?;
            ended += some;
            if last.is_none() {
                return Ok(ended);
            }
            after = last;
        }
    }
}

impl Sweep for PostgresStore {
    async fn sweep(&self, limit: u32) -> Result<u32, StoreError> {
        let statement = self.0.statements.sweep.clone();
        let events = self.0.events.clone();
        let sweep = move |lease| swept(lease, statement.clone(), events.clone(), limit);
        self.0.home.run(StoreErrorKind::Unavailable, None, sweep).await
    }
}
