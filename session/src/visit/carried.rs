//! The records that the cookies of one request carry, in place of a store.
//!
//! In: what the cookies sealed, a commit's changes. Out: the answers that a store gives, and the text of the cookie to answer with. Never: a
//! rule about a change, which is `Record::apply`.

use std::{cell::RefCell, fmt, sync::Arc, time::Duration};

use super::sealed_cookie::DynRevocations;
use crate::{
    error::{Error, ErrorKind},
    id::{
        public::Selector,
        random::{NoRandomness, Randomness},
        seal::{Sealer, sealed_chars},
        session_id::{ID_BYTES, SessionId},
    },
    record::{
        apply::{Outcome, Record},
        change::{Change, NewRecord},
        meta::Unreadable,
        packed::{pack, unpack},
        time::Timestamp,
    },
    store::{
        clock::Clock,
        contract::{Created, Loaded, Updated},
        error::{StoreError, StoreErrorKind},
        index::Listed,
    },
};

#[cfg(test)]
mod tests;

/// Browsers need to keep no cookie that is longer, with its name and its attributes (RFC 6265 section 6.1).
pub(super) const COOKIE_MAX: usize = 4096;

/// How far the clocks of two instances may be apart. A session that was seen later than that is not believed.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// How many fields the error of a session that is too large names.
const NAMED: usize = 3;

/// What all requests of an application share that keeps sessions in cookies.
#[derive(Clone)]
pub(crate) struct InCookie {
    pub(crate) sealer: Sealer,
    /// What a `Set-Cookie` has beside the value, at most.
    pub(crate) around: usize,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) revocations: Option<Arc<dyn DynRevocations>>,
    /// The longest wait for `revocations`.
    pub(crate) deadline: Duration,
    pub(crate) random: Randomness,
}

impl fmt::Debug for InCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InCookie").field("sealer", &self.sealer).finish_non_exhaustive()
    }
}

/// What one cookie sealed.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Sealed {
    pub(crate) id: SessionId,
    record: Found,
}

type Found = Result<Arc<Record>, Unreadable>;

impl InCookie {
    /// Whether a sealed session may have so many octets.
    pub(crate) const fn can_have(length: usize) -> bool {
        sealed_chars(ID_BYTES) <= length && length <= COOKIE_MAX
    }

    /// What the value of a cookie seals; `None` if our keys did not seal it.
    pub(crate) fn open(&self, value: &[u8]) -> Option<Sealed> {
        let plain = self.sealer.open(value)?;
        let (id, packed) = plain.split_first_chunk()?;
        let id = SessionId::from_bytes(id);
        Some(Sealed { id, record: unpack(packed, id.verifier_hash()).map(Arc::new) })
    }
}

impl Sealed {
    /// Whether both are states of one session, as far as one user knows: not if different users have signed in to them.
    pub(crate) fn is_state_of(&self, other: &Self) -> bool {
        let user = |sealed: &Self| sealed.record.as_ref().ok()?.meta().principal.clone();
        let are_rivals = matches!((user(self), user(other)), (Some(one), Some(other)) if one != other);
        self.id.selector == other.id.selector && !are_rivals
    }

    /// Whether it is a later state of the same session than `other`. A sign-in keeps the selector and a sign-out does not, so nobody is
    /// signed in to the earlier ones, however often a holder of such a one has renewed it.
    pub(crate) fn is_later_than(&self, other: &Self) -> bool {
        let age = |sealed: &Self| {
            let meta = sealed.record.as_ref().ok()?.meta();
            Some((meta.principal.is_some(), meta.generation, meta.revision, meta.touched))
        };
        age(self) > age(other)
    }
}

/// The records of one request.
pub(crate) struct Carried {
    shared: Arc<InCookie>,
    /// There are several of one selector if different users have signed in to copies of one cookie.
    records: RefCell<Vec<(Selector, Found)>>,
    /// The value of the cookie to answer with.
    text: RefCell<String>,
}

impl Carried {
    pub(crate) fn new(shared: Arc<InCookie>) -> Self {
        Self { shared, records: RefCell::default(), text: RefCell::default() }
    }

    /// Takes what the cookies of the request sealed.
    pub(crate) fn bring(&self, sealed: Vec<Sealed>) {
        let records = sealed.into_iter().map(|Sealed { id, record }| (id.selector, record));
        *self.records.borrow_mut() = records.collect();
    }

    /// What is kept, to go back to with [`restore`](Self::restore).
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot(self.records.borrow().clone())
    }

    pub(crate) fn restore(&self, Snapshot(records): Snapshot) {
        *self.records.borrow_mut() = records;
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    fn find(&self, selector: &Selector) -> Result<Option<Arc<Record>>, StoreError> {
        Ok(self.all(selector)?.into_iter().next())
    }

    fn all(&self, selector: &Selector) -> Result<Vec<Arc<Record>>, StoreError> {
        let records = self.records.borrow();
        let found = records.iter().filter(|(known, _)| known == selector);
        Ok(found.map(|(_, record)| record.clone()).collect::<Result<_, _>>()?)
    }

    fn replace(&self, selector: &Selector, by: Vec<Arc<Record>>) {
        let mut records = self.records.borrow_mut();
        records.retain(|(known, _)| known != selector);
        records.extend(by.into_iter().map(|record| (*selector, Ok(record))));
    }

    fn put(&self, selector: &Selector, record: Record) {
        self.replace(selector, vec![Arc::new(record)]);
    }

    /// As [`SessionStore::load`](crate::store::SessionStore::load).
    pub(crate) async fn load(&self, selector: &Selector) -> Result<Option<Loaded>, StoreError> {
        let now = self.now();
        let mut live = Vec::new();
        for record in self.all(selector)? {
            if !record.is_expired(now)
                && is_believed(&record, now)
                && !self.is_revoked(*selector, &record).await?
            {
                live.push(record);
            }
        }
        let Some(first) = live.first().cloned() else { return Ok(None) };
        self.replace(selector, live);
        Ok(Some(Loaded::new(first, now)))
    }

    /// Whether several users have a live session of this selector, once it is loaded. Nothing tells whose the browser is.
    pub(crate) fn is_contested(&self, selector: &Selector) -> bool {
        self.records.borrow().iter().filter(|(known, _)| known == selector).count() > 1
    }

    /// As [`SessionStore::create`](crate::store::SessionStore::create).
    pub(crate) fn create(&self, selector: &Selector, new: &NewRecord) -> Created {
        self.put(selector, Record::create(new, self.now()));
        Created::Created
    }

    /// As [`SessionStore::update`](crate::store::SessionStore::update).
    pub(crate) fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        let now = self.now();
        let Some(record) = self.find(selector)? else { return Ok(Updated::Gone) };
        Ok(match record.apply(change, now) {
            Outcome::Done(next) => {
                let revision = next.meta().revision;
                self.put(selector, *next);
                Updated::Done { revision }
            }
            Outcome::Conflict => Updated::Conflict(Loaded::new(record, now)),
            Outcome::Gone => Updated::Gone,
        })
    }

    /// As [`SessionStore::delete`](crate::store::SessionStore::delete).
    pub(crate) async fn delete(&self, selector: &Selector) -> Result<(), StoreError> {
        if let Some(revocations) = &self.shared.revocations {
            // What cannot be read cannot be named to them, and is not said to have ended.
            for record in self.all(selector)? {
                let session = Listed::new(*selector, record.meta().clone());
                self.in_time(revocations.dyn_revoke(&session)).await?;
            }
        }
        self.replace(selector, Vec::new());
        Ok(())
    }

    async fn is_revoked(&self, selector: Selector, record: &Record) -> Result<bool, StoreError> {
        let Some(revocations) = &self.shared.revocations else { return Ok(false) };
        let session = Listed::new(selector, record.meta().clone());
        self.in_time(revocations.dyn_is_revoked(&session)).await
    }

    async fn in_time<T>(&self, asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let late = |late| Err(StoreError::new(StoreErrorKind::Unavailable).with_source(late));
        tokio::time::timeout(self.shared.deadline, asked).await.unwrap_or_else(late)
    }

    /// Seals the session of `id`, for the cookie that the request is answered with.
    pub(crate) fn seal(&self, id: &SessionId) -> Result<(), Error> {
        let Some(record) = self.find(&id.selector)? else { return Err(Error::new(ErrorKind::Gone)) };
        let plain = [&id.to_bytes()[..], &pack(&record)].concat();
        let size = self.shared.around + sealed_chars(plain.len());
        if size > COOKIE_MAX {
            return Err(too_large(size, &record));
        }
        let text = self.shared.sealer.seal(&plain, self.shared.random);
        *self.text.borrow_mut() = text.map_err(|NoRandomness| Error::new(ErrorKind::NoRandomness))?;
        Ok(())
    }

    /// The value of the cookie that was sealed last.
    pub(crate) fn text(&self) -> String {
        self.text.borrow().clone()
    }
}

/// Whether the clock of no instance is so far ahead that `record`, which it has seen, cannot be from before `now`.
pub(super) fn is_believed(record: &Record, now: Timestamp) -> bool {
    record.meta().touched <= now.saturating_add(SKEW)
}

/// The records of a request at one moment.
pub(crate) struct Snapshot(Vec<(Selector, Found)>);

fn too_large(size: usize, record: &Record) -> Error {
    let mut cells: Vec<_> =
        record.cells().iter().map(|(key, cell)| (cell.json.as_str().len(), key.as_str())).collect();
    cells.sort_unstable_by(|a, b| b.cmp(a));
    let named: Vec<_> =
        cells.iter().take(NAMED).map(|(size, key)| format!("`{key}` ({size} bytes of JSON)")).collect();
    Error::new(ErrorKind::TooLarge).because(format!(
        "the session's cookie would have {size} bytes, and browsers keep {COOKIE_MAX}; the largest fields are {}; store less in them, or keep sessions in a store",
        named.join(", ")
    ))
}
