//! Sessions in Redis or Valkey, shared by any number of machines.
//!
//! In and out: the store contract, each call one script or command on one Redis key. Never sends a write again once its outcome is unknown.

// Read from top to bottom:
//
// | Files | What they hold |
// |---|---|
// | `url_error`, `endpoint`, `url` | servers, credentials, files for TLS and prefix from a URL |
// | `resp`, `carrier`, `connection` | commands and replies as bytes; the task that carries them; one connection for many callers |
// | `dial`, `links` | connecting; the connections of each runtime to each server |
// | `cluster`, `topology` | which server has a Redis key: single, Sentinel, Cluster |
// | `failure`, `script`, `driver` | what an error means; a call; sending it, and again only if a server refused it |
// | `settings`, `options`, `store` | warnings about the servers; the settings; the store |
// | `layout`, `reply`, `lua/` | a record as a hash; the scripts and their replies |
// | `open` | whether there is a server, and whether the user may do there what the store does |
// | `records` | one record |
// | `entries`, `index`, `lists`, `room`, `sign_in` | a principal's index and its repair; the sessions in it; room for one more; a record and its entry together |
// | `scan` | all selectors |
// | `texts` | what actix-session has stored |
//
// What never goes in here: a resend by a client library, an atomic change of two Redis keys, trust in keyspace events.

use crate::{
    id::public::Selector,
    record::{
        change::{Change, NewRecord},
        meta::Principal,
    },
    store::{
        abilities::Abilities,
        contract::{Created, Loaded, SessionStore, Updated},
        detached::detached,
        error::StoreError,
        scan::{Cursor, Scan, Scanned},
    },
};

pub use self::{
    options::{OpenError, RedisOptions},
    store::RedisStore,
    url_error::{PrefixError, UrlError},
};

mod url_error;
mod endpoint;
mod url;
mod resp;
mod carrier;
mod connection;
mod dial;
mod links;
mod cluster;
mod topology;
mod failure;
mod script;
mod driver;
mod settings;
mod options;
mod store;
mod layout;
mod reply;
mod open;
mod records;
mod entries;
mod index;
mod lists;
mod room;
mod sign_in;
mod scan;
#[cfg(feature = "actix-session-import")]
mod texts;
#[cfg(test)]
mod fuzzed;

impl SessionStore for RedisStore {
    async fn load(&self, selector: &Selector) -> Result<Option<Loaded>, StoreError> {
        self.load_record(selector).await
    }

    async fn create(&self, selector: &Selector, record: &NewRecord) -> Result<Created, StoreError> {
        match &record.principal {
            None => self.create_record(selector, record).await,
            // Ending another session and storing this one are two steps, and no caller may leave between them.
            Some(principal) if record.max_sessions.is_some() => {
                let (store, principal, selector) = (self.clone(), principal.clone(), *selector);
                let record = record.clone();
                detached(async move { store.create_signed_in(&principal, &selector, &record).await }).await
            }
            Some(principal) => self.create_signed_in(principal, selector, record).await,
        }
    }

    async fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        match &change.principal {
            Some(Some(principal)) if change.max_sessions.is_some() => {
                let (store, principal, selector) = (self.clone(), principal.clone(), *selector);
                let change = change.clone();
                detached(async move { store.update_signed_in(&principal, &selector, &change).await }).await
            }
            Some(Some(principal)) => self.update_signed_in(principal, selector, change).await,
            _ => self.write_change(selector, change).await,
        }
    }

    async fn delete(&self, selector: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        let flags = if only_if.is_some() { "s" } else { "" };
        let before = self.delete_record(selector, flags, only_if, true).await?;
        if let Some(principal) = before.filter(|principal| !principal.as_str().is_empty()) {
            self.left(selector, &principal);
        }
        Ok(())
    }

    fn abilities(&self) -> Abilities<'_> {
        Abilities::none().with_index(self).with_scan(self)
    }
}

impl Scan for RedisStore {
    /// Fails if the servers change during the scan. A record whose slot is just moving to another server may be missed.
    async fn scan(&self, from: Option<&Cursor>, limit: u32) -> Result<Scanned, StoreError> {
        self.scan_page(from, limit).await
    }
}
