//! Sessions in Redis or Valkey, for a fleet.
//!
//! In and out: the store contract, each step one script on one key. Never: a write sent again after its outcome became unknown.

use crate::{
    id::public::Selector,
    record::{
        change::{Change, NewRecord},
        meta::Principal,
    },
    store::{
        abilities::Abilities,
        contract::{Created, Loaded, SessionStore, Updated},
        error::StoreError,
        scan::{Cursor, Scan, Scanned},
    },
};

pub use self::{
    options::{ConnectError, RedisOptions},
    store::RedisStore,
    url::{PrefixError, UrlError},
};

mod url;
mod connection;
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
mod records;
mod index;
mod sign_in;
mod scan;

impl SessionStore for RedisStore {
    async fn load(&self, key: &Selector) -> Result<Option<Loaded>, StoreError> {
        self.load_record(key).await
    }

    async fn create(&self, key: &Selector, record: &NewRecord) -> Result<Created, StoreError> {
        match &record.principal {
            None => self.create_record(key, record).await,
            Some(principal) => self.create_for(principal, key, record).await,
        }
    }

    async fn update(&self, key: &Selector, change: &Change) -> Result<Updated, StoreError> {
        match &change.principal {
            Some(Some(principal)) => self.update_for(principal, key, change).await,
            _ => self.write_change(key, change).await,
        }
    }

    async fn delete(&self, key: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        let flags = if only_if.is_some() { "s" } else { "" };
        let whose = self.delete_record(key, flags, only_if).await?;
        if let Some(principal) = whose.filter(|principal| !principal.as_str().is_empty()) {
            self.left(key, &principal);
        }
        Ok(())
    }

    fn abilities(&self) -> Abilities<'_> {
        Abilities::none().with_index(self).with_scan(self)
    }
}

impl Scan for RedisStore {
    /// Servers that change meanwhile are an error; a record whose slot is just moving to another server may be missed.
    async fn scan(&self, from: Option<&Cursor>, limit: u32) -> Result<Scanned, StoreError> {
        self.scan_some(from, limit).await
    }
}
