//! The store: its servers, and the names of its keys.
//!
//! In: [`RedisOptions`]. Out: [`RedisStore`], which has reached a server. Never: what is under a key.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{
    driver::Driver,
    options::{ConnectError, RedisOptions},
    url::{UrlError, check_prefix},
};
use crate::{
    id::public::{PublicId, Selector},
    record::meta::Principal,
};

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
    pub(super) driver: Arc<Driver>,
    pub(super) prefix: Arc<str>,
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

    pub(super) fn key(&self, key: &Selector) -> String {
        format!("{}{}", self.key_prefix(), PublicId::of(*key))
    }

    /// What the keys of records begin with, and no others.
    pub(super) fn key_prefix(&self) -> String {
        format!("{}s:", self.prefix)
    }

    pub(super) fn index_key(&self, principal: &Principal) -> String {
        // Who is signed in is for nobody to read in a list of keys.
        format!("{}u:{}", self.prefix, URL_SAFE_NO_PAD.encode(Sha256::digest(principal.as_str())))
    }
}

impl RedisOptions {
    /// Connects, and warns of every server that is set to evict sessions, or to forget logouts.
    ///
    /// # Errors
    /// When the prefix will not do, there are no certificates for TLS, or no server answers.
    pub async fn connect(self) -> Result<RedisStore, ConnectError> {
        check_prefix(&self.prefix)?;
        let driver = self.driver()?;
        let store = RedisStore { driver: Arc::new(driver), prefix: self.prefix.into() };
        store.driver.reach(&store.prefix).await.map_err(ConnectError::Unreachable)?;
        store.driver.look_at_settings().await;
        Ok(store)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
