//! Where sessions are stored.
//!
//! | Store | Feature | URL for [`open`](open()) | Use it for | What a crash can lose |
//! |---|---|---|---|---|
//! | [`MemoryStore`] | | `memory:` | tests, one process whose sessions may be lost | everything |
//! | [`SqliteStore`] | `sqlite` | `sqlite:PATH` | one machine with any number of processes | nothing that was acknowledged |
//! | [`PostgresStore`] | `postgres` | `postgres://..` | a fleet that must never lose a logout | nothing, unless `synchronous_commit` is off |
//! | [`MySqlStore`] | `mysql` | `mysql://..`, `mariadb://..` | the same, where MySQL or MariaDB is at hand | nothing, unless `innodb_flush_log_at_trx_commit` is not 1 |
//! | [`RedisStore`] | `redis` | `redis://..`, `rediss://..`, `redis-sentinel://..`, `redis-cluster://..` | a fleet that already runs Redis | with `appendonly yes`, the last second |
//!
//! All keep the same promises. With `tls-rustls-ring` or `tls-rustls-aws-lc-rs`, connections to servers may be encrypted.
//!
//! ```
//! use actix_typed_session::{Key, SessionMiddleware, store};
//!
//! # #[actix_web::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let url = std::env::var("SESSION_STORE").unwrap_or("memory:".into());
//! let sessions = SessionMiddleware::new(store::open(&url).await?, Key::generate()?);
//! # let _ = sessions;
//! # Ok(())
//! # }
//! ```
//!
//! Open an engine directly for more settings than a URL has. To write a store, implement [`SessionStore`], announce what else it can do with
//! [`Abilities`], and run `store::conformance` (feature `testing`) in its tests.
//!
#![cfg_attr(not(feature = "mysql"), doc = "[`MySqlStore`]: crate#features")]
#![cfg_attr(not(feature = "postgres"), doc = "[`PostgresStore`]: crate#features")]
#![cfg_attr(not(feature = "redis"), doc = "[`RedisStore`]: crate#features")]
#![cfg_attr(not(feature = "sqlite"), doc = "[`SqliteStore`]: crate#features")]

// In: a selector and a change. Out: what is stored now, or why that is unknown. Never knows of cookies or HTTP, and never decides what to store.
//
// Read from top to bottom:
//
// | Files | What they hold |
// |---|---|
// | `error`, `clock` | the errors of stores; the time, for engines without a clock |
// | `index`, `scan`, `sweep`, `abilities` | optional abilities: a principal's sessions, all selectors, removing expired records; announcing them |
// | `contract`, `any` | the store contract; a store whose type is chosen at run time |
// | `breaker`, `bounds`, `bounded` | giving up early; what bounds every call; a store whose calls all end in time |
// | `detached` | calls of several steps that go on when their caller gives up |
// | `foreign`, `actix_session_store` | a store of another library, which keeps sealed texts under names of its own; any store of actix-session as one |
// | `tls`, `handshake`, `passwords`, `patience` | for the engines that connect to a server: certificates, TLS or its absence, passwords that change, waiting for one that comes up |
// | `thread` | for these too: a thread with a runtime of its own |
// | `names`, `shelf`, `turns`, `reach`, `home` | for databases: names of tables; idle connections; who may wait for locks; reaching a server; the thread that owns the connections |
// | `memory`, `sqlite`, `postgres`, `mysql`, `redis` | one folder per engine; each opens with its own map |
// | `open` | a store from a URL |
// | `conformance` | the contract as a test suite for any store |
//
// What never goes in here: a rule about what a change does to a record, which is `Record::apply`.

pub(crate) mod error;
pub(crate) mod clock;
pub(crate) mod index;
pub(crate) mod scan;
pub(crate) mod sweep;
pub(crate) mod abilities;
pub(crate) mod contract;
pub(crate) mod any;
pub(crate) mod breaker;
pub(crate) mod bounds;
pub(crate) mod bounded;
pub(crate) mod foreign;
#[cfg(feature = "actix-session-store")]
pub(crate) mod actix_session_store;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "redis", feature = "sqlite"))]
pub(crate) mod detached;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "redis"))]
pub(crate) mod tls;
#[cfg(all(feature = "_tls", any(feature = "mysql", feature = "postgres", feature = "redis")))]
pub(crate) mod handshake;
#[cfg(all(not(feature = "_tls"), any(feature = "mysql", feature = "postgres", feature = "redis")))]
#[path = "no_handshake.rs"]
pub(crate) mod handshake;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "redis"))]
pub(crate) mod passwords;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "redis"))]
pub(crate) mod patience;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "redis"))]
pub(crate) mod thread;
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) mod names;
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) mod shelf;
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) mod turns;
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) mod reach;
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) mod home;
pub(crate) mod memory;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(feature = "redis")]
pub mod redis;
pub(crate) mod open;
#[cfg(feature = "testing")]
pub mod conformance;

#[cfg(feature = "actix-session-store")]
pub use self::actix_session_store::ActixSessionStore;
#[cfg(feature = "testing")]
pub use self::clock::ManualClock;
#[cfg(feature = "mysql")]
#[doc(inline)]
pub use self::mysql::MySqlStore;
#[cfg(feature = "postgres")]
#[doc(inline)]
pub use self::postgres::PostgresStore;
#[cfg(feature = "redis")]
#[doc(inline)]
pub use self::redis::RedisStore;
#[cfg(feature = "sqlite")]
#[doc(inline)]
pub use self::sqlite::SqliteStore;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "redis"))]
pub use self::tls::TlsFileError;
pub use self::{
    abilities::Abilities,
    any::AnyStore,
    clock::{Clock, SystemClock},
    contract::{Created, Loaded, SessionStore, Updated},
    error::{StoreError, StoreErrorKind},
    index::{Listed, Page, PrincipalIndex},
    memory::MemoryStore,
    open::{OpenError, from_env, open},
    scan::{Cursor, Scan, Scanned},
    sweep::{Sweep, Sweeper},
};
