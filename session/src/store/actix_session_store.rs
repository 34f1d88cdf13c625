//! Any store of actix-session, for an application that has one which this crate does not serve.
//!
//! In: an `actix_session::storage::SessionStore`. Out: an [`ActixSessionStore`], which goes where a store goes. Never: a promise that such a
//! store cannot keep.

use std::{collections::HashMap, error::Error as StdError, fmt, sync::Arc, time::Duration};

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time;

use super::{
    clock::{Clock, SystemClock},
    error::{StoreError, StoreErrorKind},
    foreign::{Answering, ForeignStore},
};

/// Keeps sessions in any store of actix-session 0.11, for an application that has one which this crate does not serve. It goes where a
/// store goes:
///
/// ```
/// use actix_session::storage::SessionStore;
/// use actix_typed_session::{Key, SessionMiddleware, store::ActixSessionStore};
///
/// fn sessions(store: impl SessionStore + Send + Sync + 'static, key: Key) -> SessionMiddleware {
///     SessionMiddleware::new(ActixSessionStore::new("shop", store), key)
/// }
/// ```
///
/// A store of actix-session chooses the key of a session by itself, compares nothing before it writes, and finds no session by its user. So
/// the cookie carries that key beside the id, sealed, and the store keeps the whole session as one sealed text. A record counts for its own
/// session, this application and its keys alone, wherever in the store it is found.
///
/// Typed fields, schema changes, secret fields, limits and the check of origins are as with every store. What else is promised, each shown
/// by a test that `docs/from-actix-session.md` names:
///
/// | Promise | With a store of this crate | With an `ActixSessionStore` |
/// |---|---|---|
/// | requests at once lose no write | always | among those of one process, where they take turns; of two processes that write at once, the last one overwrites the session, unless it reads after the other one has written |
/// | a logout is final | always | in its process, unless the store carries out a write after it that had no answer in time; another process that was just writing stores the session again, under another key that its own browser gets |
/// | after a sign-in or `renew`, the id of before opens nothing | always | the same, with the same exceptions: the session of before is back then, and the user signs in again |
/// | two clicks on "sign in" come to one session | always | the same, with the same exceptions |
/// | a logout that the store did not confirm is answered 503 and made up for | always | always |
/// | a request that only reads overwrites nothing | always | always: it prolongs the record, and when the browser was seen is in its cookie |
/// | a late response puts no old cookie back | always | not if it changes fields; one that prolongs the session may, if a sign-in overtakes it |
/// | both timeouts | by the store's clock | by the clock of each process, whatever the store does; the store gets the time that is left as well |
/// | who reads the store learns what is in a session | yes, but for `secret` fields | no, all of it is sealed |
/// | who writes to the store can change a session | yes | no: it can put an older record of the same session back, and delete it |
/// | a cookie counts for its application, name and key alone | name and key | always |
/// | a write without an answer | is not sent again | is not sent again by this crate; the store may do so |
/// | a store that does not answer is 503 in time | always | always |
/// | after the response began | fields can be stored | a logout can, and nothing else ([`ErrorKind::TooLate`]) |
/// | a user's sessions | listed, ended, limited | [`ErrorKind::NoIndex`], and `max_sessions_per_user` is refused at the start |
///
/// Requests of one process take turns in one middleware, which is made before `HttpServer::new`; two middlewares are as two processes.
///
/// It is no [`SessionStore`](crate::store::SessionStore), so what goes through all sessions does not compile:
///
/// ```compile_fail,E0277
/// # async fn count(store: actix_typed_session::store::ActixSessionStore) -> Result<(), actix_typed_session::store::StoreError> {
/// let tally = actix_typed_session::admin::Tally::of(&store, 100).await?;
/// # Ok(())
/// # }
/// ```
///
/// A change reads the record once more before it writes, so it costs one call more than with a store of this crate. A store that gives a
/// session another key with each change, as `CookieSessionStore` does, works. Then every change sets the cookie, overlapping requests of one
/// process overwrite each other too, a logout included, and an old key opens what it opened before, after a sign-in and a logout too, unless
/// the store deletes it. A [`SealedCookie`](crate::SealedCookie) does better than that one.
///
/// What the store's errors say is logged, without the key of the session and without any word of 32 letters or more. A session may have 4
/// MiB at most. All workers share the store, so it must be `Send` and `Sync`; its futures need not be.
///
/// [`ErrorKind::TooLate`]: crate::ErrorKind::TooLate
/// [`ErrorKind::NoIndex`]: crate::ErrorKind::NoIndex
#[derive(Clone)]
pub struct ActixSessionStore {
    pub(crate) application: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Arc<dyn ForeignStore>,
}

impl ActixSessionStore {
    /// Sessions of `application` in `store`. The name keeps what another application with the same key stores from counting here.
    #[must_use]
    pub fn new(application: impl Into<String>, store: impl SessionStore + Send + Sync + 'static) -> Self {
        Self { application: application.into(), clock: Arc::new(SystemClock), store: Arc::new(Theirs(store)) }
    }

    /// Takes the time from `clock`, for tests.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }
}

impl fmt::Debug for ActixSessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActixSessionStore").field("application", &self.application).finish_non_exhaustive()
    }
}

/// The only entry of a session.
const ENTRY: &str = "sealed";

/// A shorter name is no secret, and may be a part of any word.
const NAME_CHARS: usize = 8;

/// Names that are secret, and what is sealed, are at least as long as the digits of 128 bits, and words of a message are shorter.
const SECRET_CHARS: usize = 32;

/// A century. A store adds it to the time, and Redis refuses what it cannot count in milliseconds.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// What such a store says that finds the key of a session too long, as one does whose keys hold the session.
type NoKey = <SessionKey as TryFrom<String>>::Error;

struct Theirs<S>(S);

impl<S: SessionStore + Send + Sync> ForeignStore for Theirs<S> {
    fn load<'a>(&'a self, name: &'a str) -> Answering<'a, Option<String>> {
        Box::pin(async move {
            let Some(key) = key(name) else { return Ok(None) };
            let found = self.0.load(&key).await.map_err(|error| {
                let kind = match error {
                    LoadError::Deserialization(_) => StoreErrorKind::Unreadable,
                    LoadError::Other(_) => StoreErrorKind::Unavailable,
                };
                failed(kind, &error, name)
            });
            Ok(found?.and_then(|mut state| state.remove(ENTRY)))
        })
    }

    fn save(&self, text: String, left: Duration) -> Answering<'_, String> {
        Box::pin(async move {
            let saved = self.0.save(state(text), &seconds(left)).await.map_err(|error| {
                let kind = match error {
                    SaveError::Serialization(_) => StoreErrorKind::Unavailable,
                    SaveError::Other(_) => StoreErrorKind::UnknownOutcome,
                };
                failed(kind, &error, "")
            });
            Ok(saved?.into())
        })
    }

    fn update<'a>(&'a self, name: &'a str, text: String, left: Duration) -> Answering<'a, String> {
        Box::pin(async move {
            let Some(key) = key(name) else { return self.save(text, left).await };
            let updated = self.0.update(key, state(text), &seconds(left)).await.map_err(|error| {
                let kind = match error {
                    UpdateError::Serialization(_) => StoreErrorKind::Unavailable,
                    UpdateError::Other(_) => StoreErrorKind::UnknownOutcome,
                };
                failed(kind, &error, name)
            });
            Ok(updated?.into())
        })
    }

    fn prolong<'a>(&'a self, name: &'a str, left: Duration) -> Answering<'a, ()> {
        Box::pin(async move {
            let Some(key) = key(name) else { return Ok(()) };
            let prolonged = self.0.update_ttl(&key, &seconds(left)).await;
            prolonged.map_err(|error| failed(StoreErrorKind::UnknownOutcome, error.as_ref(), name))
        })
    }

    fn delete<'a>(&'a self, name: &'a str) -> Answering<'a, ()> {
        Box::pin(async move {
            let Some(key) = key(name) else { return Ok(()) };
            let deleted = self.0.delete(&key).await;
            deleted.map_err(|error| failed(StoreErrorKind::UnknownOutcome, error.as_ref(), name))
        })
    }
}

/// The key of a session; `None` if it is longer than a key can be, so that there is no session of it.
fn key(name: &str) -> Option<SessionKey> {
    SessionKey::try_from(name.to_owned()).ok()
}

fn state(text: String) -> HashMap<String, String> {
    HashMap::from([(ENTRY.to_owned(), text)])
}

/// Such a store counts whole seconds, and must not end a session early.
fn seconds(left: Duration) -> time::Duration {
    time::Duration::seconds(i64::try_from(left.min(LONGEST).as_secs() + 1).unwrap_or(i64::MAX))
}

/// The store's error with the errors under it. It may tell anything, so what may be `name` or a record is left out.
fn failed(kind: StoreErrorKind, error: &(dyn StdError + 'static), name: &str) -> StoreError {
    let (mut told, mut kind, mut cause) = (error.to_string(), kind, error.source());
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        if error.is::<NoKey>() {
            kind = StoreErrorKind::Full;
            told.push_str(" Store less in the session, or take a store whose keys are short.");
        }
        cause = error.source();
    }
    if name.len() >= NAME_CHARS {
        told = told.replace(name, "..");
    }
    let is_of_a_word = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let shown = |word: &str| word.len() < SECRET_CHARS;
    let words = told.split_inclusive(|letter| !is_of_a_word(letter));
    let told: String = words.map(|word| if shown(word) { word } else { ".. " }).collect();
    StoreError::new(kind).with_source(told)
}
