//! Where records live.
//!
//! In: a [`Selector`](crate::id::Selector) and a [`Change`](crate::change::Change). Out: what is stored now, or why that is not
//! known. Never: cookies, HTTP, decisions.
//!
//! A store of your own implements [`SessionStore`] and runs `store::conformance` (feature `testing`) in its tests.

pub(crate) mod error;
pub(crate) mod clock;
pub(crate) mod index;
pub(crate) mod scan;
pub(crate) mod abilities;
pub(crate) mod contract;
pub(crate) mod any;
pub(crate) mod sweep;
pub(crate) mod breaker;
pub(crate) mod bounded;
pub(crate) mod memory;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
pub(crate) mod connect;
#[cfg(feature = "testing")]
pub mod conformance;

#[cfg(feature = "testing")]
pub use self::clock::ManualClock;
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresStore;
#[cfg(feature = "redis")]
pub use self::redis::RedisStore;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;
pub use self::{
    abilities::Abilities,
    any::AnyStore,
    clock::{Clock, SystemClock},
    connect::{ConnectError, connect},
    contract::{Created, Loaded, SessionStore, Updated},
    error::{StoreError, StoreErrorKind},
    index::{Listed, PrincipalIndex},
    memory::MemoryStore,
    scan::{Cursor, Scan, Scanned},
    sweep::{Sweep, Sweeper},
};
