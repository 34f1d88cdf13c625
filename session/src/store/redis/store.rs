//! The store: its servers, and the names of its Redis keys.
//!
//! In: an id, or a principal. Out: the Redis key. Never reads or writes a session.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{
    driver::Driver,
    options::{OpenError, RedisOptions},
    url_error::UrlError,
};
use crate::{
    id::public::{PublicId, Selector},
    record::meta::Principal,
};

/// Sessions in Redis 6.2 or later, or in Valkey, shared by any number of machines.
///
/// ```no_run
/// use actix_typed_session::store::RedisStore;
///
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// let store = RedisStore::open("redis://:secret@sessions.example:6379/0").await?;
/// # let _ = store.clone();
/// # Ok(())
/// # }
/// ```
///
/// | URL | |
/// |---|---|
/// | `redis://[user:password@]host[:port][/database]` | one server |
/// | `redis-sentinel://[user:password@]host[:port],host[:port]/service[/database]` | the primary that the Sentinels name |
/// | `redis-cluster://[user:password@]host[:port],host[:port]` | a cluster; naming some of its servers is enough |
/// | `redis+unix://[user:password@]/path/of/socket[?db=database]` | one server on this machine |
///
/// With `rediss` in place of `redis`, every connection uses TLS and verifies the server: its name, and its certificate against the system's
/// root certificates, or against those in the PEM file that `?cacert=` names. `?cert=` and `&key=` name the certificate of the client. So
/// `rediss://db.example?cacert=/etc/redis/ca.crt&cert=/etc/redis/shop.crt&key=/etc/redis/shop.key` says what
/// `redis-cli --tls --cacert .. --cert .. --key ..` does. Nothing switches verification off. `?prefix=shop:` sets the prefix of all Redis keys; the default is
/// `session:`. `?sentinel_username=` and `?sentinel_password=` are for the Sentinels. `?max_connections=` and `?startup_timeout=` set
/// [those](RedisOptions).
///
/// **Server settings.** Set `maxmemory-policy noeviction`, because any other policy logs users out when memory is full. Set
/// `appendonly yes`, because a server that only keeps snapshots comes back from a crash without the latest sessions, and with sessions
/// that were signed out since the last snapshot. Opening the store logs a warning about either, for each primary. Run at least one replica.
///
/// **Failover.** Replication is asynchronous: a replica that is promoted may lack the last writes, logouts included. With
/// [`RedisOptions::wait`], logouts and renewals succeed only once replicas have them; `min-replicas-to-write 1` and
/// `min-replicas-max-lag` make the server refuse writes that no replica would get. Neither makes Redis a consensus store. If no logout
/// may ever be lost, keep sessions in PostgreSQL.
///
/// **Census.** A [`census`](crate::census()) goes through every Redis key of the database, including those of other applications.
///
/// **Permissions.** The store needs `+evalsha +eval +time +exists +type +hget +hgetall +hmget +hset
/// +hdel +zadd +zrem +zscore +zcard +zrange +zrangebylex +zrandmember +del +pexpire +pexpireat +pttl +ping +select +wait +asking +cluster|slots +config|get +scan` on the Redis keys with its prefix. Where
/// `config` cannot be allowed, `+info` lets it check the settings all the same. Rights that are missing are told when the store is opened; in a
/// cluster, two of its servers are asked.
///
/// Clones share the connections, of which there are at most [`max_connections`](RedisOptions::max_connections) to each server. Futures must run in a tokio runtime with time and I/O
/// enabled, as actix-web's are. The server holds only hashes of verifiers, so reading it does not let anyone use a session.
#[derive(Clone)]
pub struct RedisStore {
    pub(super) driver: Arc<Driver>,
    pub(super) prefix: Arc<str>,
}

impl RedisStore {
    /// Connects to the servers at `url`, with the default settings.
    ///
    /// # Errors
    /// When the URL is not valid, and as [`RedisOptions::open`].
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        Self::options(url)?.open().await
    }

    /// The settings for connecting to the servers at `url`.
    ///
    /// # Errors
    /// When the URL is not valid; the message says what to write.
    pub fn options(url: &str) -> Result<RedisOptions, UrlError> {
        RedisOptions::parse(url)
    }

    /// The Redis key of a record.
    pub(super) fn record_key(&self, selector: &Selector) -> String {
        self.record_prefix() + &PublicId::of(*selector).to_string()
    }

    /// The prefix of the Redis keys of records, and of no others.
    pub(super) fn record_prefix(&self) -> String {
        [&*self.prefix, "s:"].concat()
    }

    /// The Redis key of a principal's index. It has the principal's hash, so that a list of Redis keys does not show who is signed in.
    pub(super) fn index_key(&self, principal: &Principal) -> String {
        self.index_prefix() + &URL_SAFE_NO_PAD.encode(Sha256::digest(principal.as_str()))
    }

    /// The prefix of the Redis keys of indexes, and of no others.
    pub(super) fn index_prefix(&self) -> String {
        [&*self.prefix, "i:"].concat()
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
