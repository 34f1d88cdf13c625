//! Moves one session here, with a request of its own that comes just before the one that brought it.
//!
//! In: the headers of a request. Out: the id that the session has here, and what the browser must be told. Never: loses an old session, or
//! brings one back that has ended.
//!
//! The order is what keeps both promises. The session is stored under an id that is derived from the old one, then the old record is
//! deleted, and only then a browser learns of it:
//!
//! * Of two requests at once, one creates the session. The other one finds it, and waits until the old record is gone.
//! * A request that creates the session and then finds no old record to delete was overtaken: the session was moved and ended, or ended
//!   where it was, in between. It takes back what it created. So nobody else deletes the old record while a creator may still be at it.
//! * After a crash in between, or a call without an answer, the next request finds the session, and deletes the old record when no creator
//!   can be at it any more.

use std::{
    fmt,
    future::Future,
    panic::Location,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::http::header::{HeaderMap, HeaderValue};

use super::{
    conversion::ConversionError,
    old_cookie::Opened,
    old_session::OldSession,
    old_store::{DynOldStore, OldRecord},
    settings::ActixSession,
};
use crate::{
    commit::{
        arrival::Arrival,
        exchange::{CookieAction, Done},
        operation::Operation,
    },
    error::{Error, ErrorKind},
    events::event::Event,
    id::{keys::Keys, moved::MovedIds, random::NoRandomness, session_id::SessionId},
    store::{
        bounds::Deadlines,
        contract::Loaded,
        error::{StoreError, StoreErrorKind},
    },
    visit::{load::Mover, lookup::Moved, visit::Visit},
};

/// How soon it is looked again whether another request has deleted the old record, which takes it one call.
const PAUSE: Duration = Duration::from_millis(10);

/// The old sessions of an application.
pub(crate) struct Import {
    old: ActixSession,
    ids: MovedIds,
    deadlines: Deadlines,
    removal: Option<HeaderValue>,
}

/// What a request brings of an old session.
pub(crate) enum Brings {
    /// Nothing that the old key has made.
    Nothing,
    /// An old cookie beside one of this crate.
    Leftover,
    /// An old session that may be moved.
    Session(Mover),
}

impl Import {
    /// Old sessions that get ids for the cookie called `name`.
    pub(crate) fn new(old: ActixSession, name: &str, keys: &Keys, deadlines: Deadlines) -> Self {
        let removal = old.cookie.removal();
        Self { old, ids: MovedIds::new(name, keys), deadlines, removal }
    }

    /// The header that makes a browser forget the old cookie.
    pub(crate) fn removal(&self) -> Option<&HeaderValue> {
        self.removal.as_ref()
    }

    /// What a request brings that `has_id` of this crate or not, and how many old cookies of it are forged.
    pub(crate) fn brings(self: &Arc<Self>, headers: &HeaderMap, has_id: bool) -> (Brings, u64) {
        let (opened, forged) = self.old.cookie.open(headers);
        let brings = match opened {
            None => Brings::Nothing,
            Some(_) if has_id => Brings::Leftover,
            Some(opened) => {
                let import = self.clone();
                Brings::Session(Box::new(move |visit| {
                    Box::pin(async move { import.bring(&opened, &visit).await })
                }))
            }
        };
        (brings, forged)
    }

    /// Finds the session that `opened` has come to, or moves it with the request `visit`.
    async fn bring(&self, opened: &Opened, visit: &Rc<Visit>) -> Result<Moved, Error> {
        let ids = self.ids_of(opened);
        if let Some(found) = find(&ids, visit).await? {
            return self.rejoin(opened, found).await;
        }
        let Some(record) = self.load(opened).await? else {
            // Another request may have moved it since.
            return match find(&ids, visit).await? {
                Some(found) => self.rejoin(opened, found).await,
                None => Ok(OVER),
            };
        };
        let id = match ids.first() {
            Some(id) => *id,
            None => SessionId::mint(visit.shared().rules.random)
                .map_err(|NoRandomness| Error::new(ErrorKind::NoRandomness))?,
        };
        if let Err(error) = self.convert(&record, id, visit) {
            visit.shared().events.tell(Event::ImportFailed { error: &*error });
            return Ok(LEFT);
        }
        match visit.commit().await {
            Ok(Done::Stored) => self.end_old(opened, id, visit).await,
            Ok(Done::Nothing | Done::Gone) => Ok(LEFT),
            Err(error) => match error.kind() {
                ErrorKind::Superseded => match find(&ids, visit).await? {
                    Some(found) => self.rejoin(opened, found).await,
                    None => Ok(OVER),
                },
                ErrorKind::StoreUnavailable | ErrorKind::Contended => Err(error),
                _ => {
                    visit.shared().events.tell(Event::ImportFailed { error: &error });
                    Ok(LEFT)
                }
            },
        }
    }

    /// The ids that the session may have here; none if a cookie does not tell two sessions apart.
    fn ids_of(&self, opened: &Opened) -> Vec<SessionId> {
        match (&self.old.store, self.old.cookie.is_unique()) {
            (Some(_), _) => self.ids.of(opened.content.as_bytes()),
            (None, true) => self.ids.of(opened.value.as_bytes()),
            (None, false) => Vec::new(),
        }
    }

    fn convert(&self, record: &OldRecord, id: SessionId, visit: &Rc<Visit>) -> Result<(), ConversionError> {
        let session = OldSession::read(&record.text, record.expires_in)?;
        visit.move_to(id);
        self.old.conversions.iter().try_for_each(|conversion| conversion.run(&session, visit))
    }

    /// Goes on in a session that an earlier request has moved.
    async fn rejoin(&self, opened: &Opened, found: Arrival) -> Result<Moved, Error> {
        match found {
            Arrival::Live(id, loaded) => {
                self.until_old_is_gone(opened, &loaded).await?;
                let meta = loaded.record.meta();
                let cookie = CookieAction::set(id, meta.limits, meta.persistent);
                Ok(Moved { id: Some(id), cookie, is_done: true })
            }
            Arrival::Superseded(id, _) => Ok(Moved { id: Some(id), ..OVER }),
            Arrival::Unconfirmed(id) => Ok(Moved { id: Some(id), ..LEFT }),
            _ => Ok(OVER),
        }
    }

    /// Waits until whoever created the session `loaded` has deleted the old record, and deletes it if they must have given up.
    async fn until_old_is_gone(&self, opened: &Opened, loaded: &Loaded) -> Result<(), Error> {
        let Some(store) = &self.old.store else { return Ok(()) };
        let (begun, key) = (Instant::now(), (self.old.key_of)(&opened.content));
        // Creating the session and deleting the record have a deadline each.
        let is_left = loaded.now.since(loaded.record.meta().created) >= self.deadlines.save * 2;
        if is_left {
            self.delete(&**store, &key).await?;
            return Ok(());
        }
        while self.load(opened).await?.is_some() {
            if begun.elapsed() >= self.deadlines.load {
                let why = "another request is still moving this session from actix-session";
                return Err(StoreError::new(StoreErrorKind::Unavailable).with_source(why).into());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Deletes the old record of a session that `visit` has just created as `id`.
    async fn end_old(&self, opened: &Opened, id: SessionId, visit: &Rc<Visit>) -> Result<Moved, Error> {
        if let Some(store) = &self.old.store {
            let was_there = self.delete(&**store, &(self.old.key_of)(&opened.content)).await?;
            // Without a store of ours, each request that is under way has a session of its own.
            if !was_there && visit.shared().elsewhere.is_none() {
                visit.perform(Operation::Purge, Location::caller());
                visit.commit().await?;
                return Ok(OVER);
            }
        }
        Ok(Moved { id: Some(id), cookie: visit.send_head(), is_done: true })
    }

    /// The old session, from its store or from its cookie.
    async fn load(&self, opened: &Opened) -> Result<Option<OldRecord>, Error> {
        let Some(store) = &self.old.store else {
            return Ok(Some(OldRecord::new(opened.content.clone(), None)));
        };
        let key = (self.old.key_of)(&opened.content);
        in_time(self.deadlines.load, store.dyn_load(&key)).await
    }

    async fn delete(&self, store: &dyn DynOldStore, key: &str) -> Result<bool, Error> {
        in_time(self.deadlines.save, store.dyn_delete(key)).await
    }
}

impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Import").field(&self.old).finish()
    }
}

/// There is no session, here or there.
const OVER: Moved = Moved { id: None, cookie: CookieAction::Keep, is_done: true };

/// There is none here, and what is there stays.
const LEFT: Moved = Moved { is_done: false, ..OVER };

/// What is stored under one of `ids`, if anything is.
async fn find(ids: &[SessionId], visit: &Visit) -> Result<Option<Arrival>, Error> {
    for id in ids {
        match visit.find(*id).await? {
            Arrival::Nobody => {}
            found => return Ok(Some(found)),
        }
    }
    Ok(None)
}

/// The answer of the old store, within `longest`.
async fn in_time<T>(
    longest: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Error> {
    let late =
        |_| Err(StoreError::new(StoreErrorKind::Unavailable).with_source("no answer before the deadline"));
    let answer = tokio::time::timeout(longest, call).await.unwrap_or_else(late);
    answer.map_err(|error| match error.kind() {
        // What cannot be read there is of another form than any that actix-session wrote.
        StoreErrorKind::Unreadable | StoreErrorKind::TooNew => Error::from(error),
        // The same call can be made again.
        _ => StoreError::new(StoreErrorKind::Unavailable).with_source(error).into(),
    })
}
