//! Sessions in Redis or Valkey, for a fleet.
//!
//! In and out: the store contract, each step one script on one key. Never: a write sent again after its outcome became unknown.

use std::{fmt, sync::Arc};

use redis::Value;

use self::{
    driver::Driver,
    options::Wait,
    script::{CREATE, Call, UPDATE},
};
use crate::{
    id::public::{PublicId, Selector},
    record::{
        change::{Change, NewRecord},
        meta::{Principal, Unreadable},
    },
    store::{
        contract::{Created, Index, LoadOptions, Loaded, SessionStore, Updated},
        error::{StoreError, StoreErrorKind},
        scan::{Cursor, Scanned},
    },
};

pub use self::{
    options::{ConnectError, RedisOptions},
    url::{PrefixError, UrlError},
};

mod cluster;

mod connection;

mod driver;

mod failure;

mod index;

mod layout;

mod links;

mod options;

mod scan;

mod script;

mod sign_in;

mod topology;

mod url;

/// Sessions in Redis 6.2 or later, or in Valkey: for a fleet.
///
/// ```no_run
/// use actix_typed_session::store::RedisStore;
///
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// let store = RedisStore::connect("redis://:secret@sessions.example:6379/0").await?;
/// # let _ = store.clone();
/// # Ok(())
/// # }
/// ```
///
/// | URL | |
/// |---|---|
/// | `redis://[user:password@]host[:port][/database]` | one server |
/// | `redis-sentinel://[user:password@]host[:port],host[:port]/service[/database]` | the master that Sentinels name |
/// | `redis-cluster://[user:password@]host[:port],host[:port]` | a cluster; some of its servers are enough |
///
/// With `rediss` in the place of `redis`, every connection is TLS, checked by the system's root certificates (or those in the file
/// that `SSL_CERT_FILE` names). `?prefix=shop:` is what every key begins with, else `session:`. Sentinels that ask for a password
/// have it in `?sentinel_password=`.
///
/// **Set on the server**: `maxmemory-policy noeviction` (any other logs people out when memory is full; at the start it is
/// warned about), `appendonly yes` (else a restart ends the sessions since the last snapshot, and brings back those that were signed out since; it is
/// warned about too), and at least one replica.
///
/// **What a failover can lose.** Replication is asynchronous: a replica that is promoted may lack the last moments, logouts
/// included. [`RedisOptions::wait`] lets those count only when replicas have them; `min-replicas-to-write 1` and
/// `min-replicas-max-lag` on the server refuse writes that no replica would get. Neither makes Redis a consensus store: who must
/// never lose a logout keeps sessions in PostgreSQL.
///
/// A [`census`](crate::census()) goes through all keys of the database, those of others included.
///
/// A user of the server's that may do no more than is needed has `+evalsha +eval +time +exists +type +hget +hgetall +hmget +hset
/// +hsetnx +hdel +hlen +hrandfield +del +pexpire +pexpireat +pttl +ping +wait +role +asking +cluster|slots +config|get +scan` on the keys of the prefix.
///
/// Clones share the connections, one for each runtime and server. Futures must run in a tokio runtime with time and I/O, as
/// actix-web's do. Nobody who can read the server can use a session: it holds only hashes of verifiers.
#[derive(Clone)]
pub struct RedisStore {
    driver: Arc<Driver>,
    prefix: Arc<str>,
}

impl RedisStore {
    /// Connects to what `url` names, with the default settings.
    ///
    /// # Errors
    /// When the URL is none of a Redis store, or as [`RedisOptions::connect`].
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        Self::options(url)?.connect().await
    }

    /// The settings for connecting to what `url` names.
    ///
    /// # Errors
    /// When the URL is none of a Redis store; the message says what to write.
    pub fn options(url: &str) -> Result<RedisOptions, UrlError> {
        RedisOptions::parse(url)
    }

    fn key(&self, key: &Selector) -> String {
        format!("{}{}", self.key_prefix(), PublicId::of(*key))
    }

    /// What the keys of records begin with, and no others.
    fn key_prefix(&self) -> String {
        format!("{}s:", self.prefix)
    }

    async fn write_record(&self, key: &Selector, record: &NewRecord) -> Result<Created, StoreError> {
        let call = Call::script(&CREATE, self.key(key), layout::create(record)?);
        match status(self.driver.call(&call).await.map_err(failure::Failure::of_write)?)? {
            (Status::Done, _) => Ok(Created::Created),
            (Status::Exists, _) => Ok(Created::Exists),
            _ => Err(strange()),
        }
    }

    fn update_call<'a>(&self, key: &Selector, change: &'a Change) -> Result<Call<'a>, StoreError> {
        let call = Call::script(&UPDATE, self.key(key), layout::update(change)?);
        Ok(call.durable(change.renewal.is_some()))
    }

    async fn write_change(&self, key: &Selector, change: &Change) -> Result<Updated, StoreError> {
        let call = self.update_call(key, change)?;
        match status(self.driver.call(&call).await.map_err(failure::Failure::of_write)?)? {
            (Status::Gone, _) => Ok(Updated::Gone),
            (Status::Done, answer) => {
                let mut texts = answer.iter().map(layout::text);
                let mut next = || texts.next().flatten();
                let revision = next().and_then(|text| text.parse().ok()).ok_or_else(strange)?;
                if let Some(before) = next().filter(|before| !before.is_empty()) {
                    self.left(key, &Principal::from_store(before));
                }
                if let (Some(principal), Some(since), Some(until)) = (next(), next(), next()) {
                    self.seen(key, &Principal::from_store(principal), since, until);
                }
                Ok(Updated::Done { revision })
            }
            // Alive a moment ago, by the clock that the answer shows.
            (Status::Conflict, answer) => {
                Ok(layout::conflict(&answer)?.map_or(Updated::Gone, Updated::Conflict))
            }
            _ => Err(strange()),
        }
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// What a script's answer begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Status {
    Gone,
    Done,
    Conflict,
    Exists,
}

/// No script of ours answers so; what became of the step is not known.
fn strange() -> StoreError {
    StoreError::new(StoreErrorKind::UnknownOutcome).with_source("a reply that none of our scripts gives; see that nothing between here and Redis answers in its place")
}

/// The status and what follows it; unreadable records are errors.
fn status(answer: Value) -> Result<(Status, Vec<Value>), StoreError> {
    let Value::Array(mut parts) = answer else { return Err(strange()) };
    let rest = parts.split_off(parts.len().min(1));
    let status = match parts.first() {
        Some(Value::Int(0)) => Status::Gone,
        Some(Value::Int(1)) => Status::Done,
        Some(Value::Int(2)) => Status::Conflict,
        Some(Value::Int(4)) => {
            let format = rest.first().and_then(layout::text).and_then(|text| text.parse().ok());
            return Err(Unreadable::Newer(format.unwrap_or(u16::MAX)).into());
        }
        Some(Value::Int(5)) => Status::Exists,
        Some(Value::Int(3)) => return Err(Unreadable::Garbage.into()),
        _ => return Err(strange()),
    };
    Ok((status, rest))
}

impl SessionStore for RedisStore {
    async fn load(&self, key: &Selector, _: &LoadOptions) -> Result<Option<Loaded>, StoreError> {
        let call = Call::load(self.key(key));
        match self.driver.call(&call).await.map_err(failure::Failure::of_read)? {
            Value::Array(answer) => layout::timed(&answer),
            _ => Err(Unreadable::Garbage.into()),
        }
    }

    async fn create(&self, key: &Selector, record: &NewRecord) -> Result<Created, StoreError> {
        match &record.principal {
            None => self.write_record(key, record).await,
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

    fn index(&self) -> Option<Index<'_>> {
        Some(Index::of(self))
    }

    /// Servers that change meanwhile are an error; a record whose slot is just moving to another server may be missed.
    async fn scan(&self, from: Option<&Cursor>, limit: u32) -> Result<Scanned, StoreError> {
        self.scan_some(from, limit).await
    }
}
