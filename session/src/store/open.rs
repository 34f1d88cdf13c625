//! A store from a URL.
//!
//! In: a URL from the configuration. Out: the store, or an error that says what to write instead. Never shows a password in a message.

use std::{env, error::Error, fmt};

use super::{any::AnyStore, memory::MemoryStore};

/// More than the sessions of a single process should take, 256 MiB. A full store refuses new sessions, and ends none of a user.
const MOST_IN_MEMORY: usize = 256 << 20;

/// The forms of a URL, their schemes, and the feature that each needs.
const FORMS: [(&str, &[&str], Option<&str>); 9] = [
    ("memory:", &["memory"], None),
    ("sqlite:PATH", &["sqlite"], Some("sqlite")),
    ("postgres://USER:PASSWORD@HOST/DATABASE", &["postgres", "postgresql"], Some("postgres")),
    ("mysql://USER:PASSWORD@HOST/DATABASE", &["mysql", "mariadb"], Some("mysql")),
    ("redis://HOST", &["redis"], Some("redis")),
    ("rediss://HOST (TLS)", &["rediss"], Some("redis")),
    ("redis-sentinel://HOST,HOST/SERVICE", &["redis-sentinel", "rediss-sentinel"], Some("redis")),
    ("redis-cluster://HOST,HOST", &["redis-cluster", "rediss-cluster"], Some("redis")),
    ("redis+unix:///PATH", &["redis+unix", "unix"], Some("redis")),
];

/// Opens the store that `url` names.
///
/// | URL | Store | Feature |
/// |---|---|---|
/// | `memory:` | [`MemoryStore`], at most 256 MiB | |
/// | `sqlite:PATH` | `SqliteStore`, one file | `sqlite` |
/// | `postgres://..` | `PostgresStore` | `postgres` |
/// | `mysql://..`, `mariadb://..` | `MySqlStore` | `mysql` |
/// | `redis://..`, `rediss://..` (TLS) | `RedisStore`, one server | `redis` |
/// | `redis-sentinel://HOST,HOST/SERVICE` | `RedisStore`, the primary that Sentinels name | `redis` |
/// | `redis-cluster://HOST,HOST` | `RedisStore`, a Cluster | `redis` |
/// | `redis+unix:///PATH` | `RedisStore`, one server behind a Unix socket | `redis` |
///
/// ```
/// use actix_typed_session::{Key, SessionMiddleware, store};
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let url = std::env::var("SESSION_STORE").unwrap_or("memory:".into());
/// let sessions = SessionMiddleware::new(store::open(&url).await?, Key::generate()?);
/// # let _ = sessions;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpenError`], which says what to write or which feature to enable.
pub async fn open(url: &str) -> Result<AnyStore, OpenError> {
    let (scheme, rest) =
        url.split_once(':').filter(|(scheme, _)| is_scheme(scheme)).ok_or(OpenError::NoScheme)?;
    // RFC 3986 3.1: letters of either case.
    let scheme = scheme.to_ascii_lowercase();
    let url = &format!("{scheme}:{rest}");
    match &*scheme {
        "memory" if url == "memory:" => Ok(AnyStore::new(MemoryStore::with_max_bytes(MOST_IN_MEMORY))),
        "memory" => Err(OpenError::Memory),
        #[cfg(feature = "sqlite")]
        "sqlite" => match rest {
            "" | "//" => Err(OpenError::NoFile),
            // This would be the name of a file.
            ":memory:" => Err(OpenError::SqliteMemory),
            path if path.contains('?') => Err(OpenError::SqliteParameters),
            // Other tools write `sqlite://PATH`.
            path => opened(super::sqlite::SqliteStore::open(path.strip_prefix("//").unwrap_or(path)).await),
        },
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => opened(super::postgres::PostgresStore::open(url).await),
        #[cfg(feature = "mysql")]
        "mysql" | "mariadb" => opened(super::mysql::MySqlStore::open(url).await),
        #[cfg(feature = "redis")]
        scheme if feature_of(scheme) == Some("redis") => opened(super::redis::RedisStore::open(url).await),
        scheme => Err(match feature_of(scheme) {
            Some(feature) => OpenError::Disabled { scheme: scheme.to_owned(), feature },
            None => OpenError::Unknown(scheme.to_owned()),
        }),
    }
}

/// Opens the store whose URL is in the environment variable `name`, as [`open`] does.
///
/// ```no_run
/// use actix_typed_session::{Keys, SessionMiddleware, store};
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = store::from_env("SESSION_STORE").await?;
/// let sessions = SessionMiddleware::new(store, Keys::from_env("SESSION_KEY")?);
/// # let _ = sessions;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpenError::NotSet`] if there is no such variable; otherwise as [`open`].
pub async fn from_env(name: &str) -> Result<AnyStore, OpenError> {
    let url = env::var(name).map_err(|_| OpenError::NotSet(name.to_owned()))?;
    open(&url).await
}

/// The feature that a known scheme needs.
fn feature_of(scheme: &str) -> Option<&'static str> {
    FORMS.iter().find(|(_, schemes, _)| schemes.contains(&scheme)).and_then(|(.., feature)| *feature)
}

/// Whether `text` is a scheme (RFC 3986 3.1). Anything else may be a path or contain a password, so no message repeats it.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.len() <= 32
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

#[cfg(any(feature = "mysql", feature = "postgres", feature = "redis", feature = "sqlite"))]
fn opened<S: super::contract::SessionStore, E: Error + Send + Sync + 'static>(
    opened: Result<S, E>,
) -> Result<AnyStore, OpenError> {
    opened.map(AnyStore::new).map_err(|error| OpenError::Engine(Box::new(error)))
}

/// Why a store could not be opened from a URL.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The environment variable of this name is not set.
    #[error("the environment variable {0} is not set to a session store; write one of {Forms}")]
    NotSet(String),
    /// The text does not begin with a scheme.
    #[error("the session store is not a URL; write one of {Forms}")]
    NoScheme,
    /// No store has this scheme.
    #[error("there is no session store `{0}:`; write one of {Forms}")]
    Unknown(String),
    /// The store is not part of this build.
    #[error(
        "`{scheme}:` needs the feature `{feature}`, which this build does not have; run: cargo add actix-typed-session --features {feature}"
    )]
    Disabled {
        /// The scheme of the URL.
        scheme: String,
        /// The feature to enable.
        feature: &'static str,
    },
    /// `memory:` is followed by something.
    #[error("`memory:` takes no path; write `memory:` alone")]
    Memory,
    /// `sqlite:` has no path.
    #[error("`sqlite:` needs the path of a file; write for example sqlite:sessions.db")]
    NoFile,
    /// `sqlite::memory:` is not a file.
    #[error("`sqlite::memory:` is not a file; write `memory:` for sessions in memory")]
    SqliteMemory,
    /// `sqlite:` has parameters.
    #[error(
        "`sqlite:` takes a path and no parameters; a file with `?` in its name is opened by `SqliteStore::open`"
    )]
    SqliteParameters,
    /// The store could not be opened.
    #[error("the session store cannot be opened: {0}")]
    Engine(#[source] Box<dyn Error + Send + Sync>),
}

crate::message::debug_is_the_message!(OpenError);

/// Displays every form of a URL, whether or not this build supports it.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test that cannot go on fails

    use super::*;

    #[tokio::test]
    async fn a_store_is_named_by_a_variable() {
        let missing = from_env("A_VARIABLE_THAT_IS_NOT_SET").await.unwrap_err().to_string();
        assert!(
            missing.starts_with("the environment variable A_VARIABLE_THAT_IS_NOT_SET is not set"),
            "{missing}"
        );
        // A variable that cargo sets, because a test cannot set one without `unsafe`.
        assert!(matches!(from_env("CARGO_PKG_NAME").await, Err(OpenError::NoScheme)));
    }
}
