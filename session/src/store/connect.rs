//! A store from a URL.
//!
//! In: a URL, as configuration holds it. Out: the store, boxed; or what is wrong with the URL and what to write instead. Never: a
//! password in a message.

use std::{error::Error, fmt};

use super::{any::AnyStore, memory::MemoryStore};

/// More sessions than one process should keep in memory; a full store refuses new sessions and ends none.
const MOST_IN_MEMORY: usize = 100_000;

/// What can be written, what names it, and the feature that makes it work.
const FORMS: [(&str, &[&str], Option<&str>); 7] = [
    ("memory:", &["memory"], None),
    ("sqlite:PATH", &["sqlite"], Some("sqlite")),
    ("postgres://USER:PASSWORD@HOST/DATABASE", &["postgres", "postgresql"], Some("postgres")),
    ("redis://HOST", &["redis"], Some("redis")),
    ("rediss://HOST (TLS)", &["rediss"], Some("redis")),
    ("redis-sentinel://HOST,HOST/SERVICE", &["redis-sentinel", "rediss-sentinel"], Some("redis")),
    ("redis-cluster://HOST,HOST", &["redis-cluster", "rediss-cluster"], Some("redis")),
];

/// Opens the store that `url` names.
///
/// | URL | Store | Feature |
/// |---|---|---|
/// | `memory:` | [`MemoryStore`], at most 100,000 sessions | |
/// | `sqlite:PATH` | `SqliteStore`, one file | `sqlite` |
/// | `postgres://..` | `PostgresStore` | `postgres` |
/// | `redis://..`, `rediss://..` (TLS) | `RedisStore`, one server | `redis` |
/// | `redis-sentinel://HOST,HOST/SERVICE` | `RedisStore`, the primary that Sentinels name | `redis` |
/// | `redis-cluster://HOST,HOST` | `RedisStore`, a Cluster | `redis` |
///
/// ```
/// use actix_typed_session::{Key, SessionMiddleware, store};
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let url = std::env::var("SESSION_STORE").unwrap_or("memory:".into());
/// let sessions = SessionMiddleware::new(store::connect(&url).await?, Key::generate()?);
/// # let _ = sessions;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`ConnectError`], which says what to write or which feature to enable.
pub async fn connect(url: &str) -> Result<AnyStore, ConnectError> {
    let (scheme, rest) =
        url.split_once(':').filter(|(scheme, _)| is_scheme(scheme)).ok_or(ConnectError::NoScheme)?;
    // RFC 3986 3.1: letters of either case.
    let scheme = scheme.to_ascii_lowercase();
    let url = &format!("{scheme}:{rest}");
    match &*scheme {
        "memory" if url == "memory:" => Ok(AnyStore::new(MemoryStore::bounded(MOST_IN_MEMORY))),
        "memory" => Err(ConnectError::Memory),
        #[cfg(feature = "sqlite")]
        "sqlite" => match rest {
            "" | "//" => Err(ConnectError::NoFile),
            // It would be the name of a file.
            ":memory:" => Err(ConnectError::SqliteMemory),
            path if path.contains('?') => Err(ConnectError::SqliteParameters),
            // As other tools write it.
            path => opened(super::sqlite::SqliteStore::open(path.strip_prefix("//").unwrap_or(path)).await),
        },
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => opened(super::postgres::PostgresStore::connect(url).await),
        #[cfg(feature = "redis")]
        scheme if feature_of(scheme) == Some("redis") => opened(super::redis::RedisStore::connect(url).await),
        scheme => Err(match feature_of(scheme) {
            Some(feature) => ConnectError::Disabled { scheme: scheme.to_owned(), feature },
            None => ConnectError::Unknown(scheme.to_owned()),
        }),
    }
}

/// What a known scheme needs.
fn feature_of(scheme: &str) -> Option<&'static str> {
    FORMS.iter().find(|(_, schemes, _)| schemes.contains(&scheme)).and_then(|(.., feature)| *feature)
}

/// RFC 3986 3.1; anything else may be a path or hold a password, and is not repeated.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.len() <= 32
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
fn opened<S: super::contract::SessionStore, E: Error + Send + Sync + 'static>(
    opened: Result<S, E>,
) -> Result<AnyStore, ConnectError> {
    opened.map(AnyStore::new).map_err(|error| ConnectError::Open(Box::new(error)))
}

/// Why a URL gives no store.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The text does not begin with a scheme.
    #[error("a session store is named by a URL: {Forms}")]
    NoScheme,
    /// No store has this scheme.
    #[error("there is no session store `{0}:`; there is {Forms}")]
    Unknown(String),
    /// The store is not part of this build.
    #[error(
        "`{scheme}:` needs the feature `{feature}`, which this build does not have; run: cargo add actix-typed-session --features {feature}"
    )]
    Disabled {
        /// What the URL begins with.
        scheme: String,
        /// What to enable.
        feature: &'static str,
    },
    /// `memory:` with something behind it.
    #[error("`memory:` takes nothing behind the colon")]
    Memory,
    /// `sqlite:` without a path.
    #[error("`sqlite:` needs the path of a file, as in sqlite:sessions.db")]
    NoFile,
    /// `sqlite::memory:`.
    #[error("`sqlite::memory:` is no file; write `memory:` for sessions in memory")]
    SqliteMemory,
    /// `sqlite:` with parameters.
    #[error(
        "`sqlite:` takes a path and no parameters; a file with `?` in its name is opened by `SqliteStore::open`"
    )]
    SqliteParameters,
    /// The store could not be opened.
    #[error("the session store cannot be opened: {0}")]
    Open(#[source] Box<dyn Error + Send + Sync>),
}

/// The message: `main` prints this form of what it returns.
impl fmt::Debug for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Every form that a URL can have, in this build or another.
struct Forms;

impl fmt::Display for Forms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (form, ..)) in FORMS.iter().enumerate() {
            let gap = if at == 0 { "" } else { ", " };
            write!(f, "{gap}{form}")?;
        }
        Ok(())
    }
}
