//! The records that the cookies of one request point to, in a store of another library.
//!
//! In: what the cookies sealed, a commit's changes. Out: the answers that a store of ours gives, and the text of the cookie to answer with.
//! Never: a rule about a change, which is `Record::apply`.
//!
//! Such a store cannot compare before it writes. So a change reads the record anew and applies itself to that, and the changes of one process
//! take turns; between processes, nothing keeps one from overwriting another in the moment between.

use std::{cell::RefCell, sync::Arc, time::Instant};

use tokio::sync::MutexGuard;

use super::{
    carried::{COOKIE_MAX, is_believed},
    pointer::{InForeign, Pointer},
};
use crate::{
    error::{Error, ErrorKind},
    events::event::StoreCall,
    id::{
        public::{Selector, VerifierHash},
        random::NoRandomness,
        session_id::SessionId,
    },
    record::{
        apply::{Outcome, Record},
        change::{Change, NewRecord},
        time::Timestamp,
    },
    store::{
        contract::{Created, Loaded, Updated},
        error::{StoreError, StoreErrorKind},
    },
};

/// A record that the request knows of.
#[derive(Clone)]
struct Known {
    selector: Selector,
    name: String,
    /// When its browser was last seen, if that is later than the record says.
    seen: Timestamp,
    /// What opens it, as far as the request knows.
    verifier: VerifierHash,
}

/// The records of one request.
pub(crate) struct Pointed {
    shared: Arc<InForeign>,
    /// What the browser has.
    brought: RefCell<Vec<Pointer>>,
    /// There are several of one selector if its browser has cookies with different names.
    known: RefCell<Vec<Known>>,
    /// The value of the cookie to answer with.
    text: RefCell<String>,
}

impl Pointed {
    pub(crate) fn new(shared: Arc<InForeign>) -> Self {
        Self { shared, brought: RefCell::default(), known: RefCell::default(), text: RefCell::default() }
    }

    /// Takes what the cookies of the request sealed.
    pub(crate) fn bring(&self, pointers: Vec<Pointer>) {
        let mut known: Vec<Known> = Vec::with_capacity(pointers.len());
        for Pointer { id, seen, name } in &pointers {
            match known.iter_mut().find(|known| known.selector == id.selector && known.name == *name) {
                Some(known) => known.seen = known.seen.max(*seen),
                None => known.push(Known {
                    selector: id.selector,
                    name: name.clone(),
                    seen: *seen,
                    verifier: id.verifier_hash(),
                }),
            }
        }
        (*self.known.borrow_mut(), *self.brought.borrow_mut()) = (known, pointers);
    }

    fn all(&self, selector: &Selector) -> Vec<Known> {
        let known = self.known.borrow();
        known.iter().filter(|known| known.selector == *selector).cloned().collect()
    }

    fn replace(&self, selector: &Selector, by: impl IntoIterator<Item = Known>) {
        let mut known = self.known.borrow_mut();
        known.retain(|known| known.selector != *selector);
        known.extend(by);
    }

    /// What the store has of `known`, unless that has expired.
    async fn read(&self, begun: Instant, known: &Known) -> Result<Option<Record>, StoreError> {
        let shared = &*self.shared;
        let call = || {
            Box::pin(async {
                let Some(text) = shared.store.load(&known.name).await? else { return Ok(None) };
                shared.unpack(&known.selector, &text)
            })
        };
        let found = shared.bounds.load(begun, &known.selector, call).await?;
        let now = shared.now();
        let found = found.map(|record| record.seen_at(known.seen));
        Ok(found.filter(|record| !record.is_expired(now) && is_believed(record, now)))
    }

    /// As [`SessionStore::load`](crate::store::SessionStore::load).
    pub(crate) async fn load(
        &self,
        begun: Instant,
        selector: &Selector,
    ) -> Result<Option<Loaded>, StoreError> {
        let mut live = Vec::new();
        for known in self.all(selector) {
            if let Some(record) = self.read(begun, &known).await? {
                live.push((Known { verifier: record.meta().verifier, ..known }, record));
            }
        }
        let (live, records): (Vec<_>, Vec<_>) = live.into_iter().unzip();
        self.replace(selector, live);
        Ok(records.into_iter().next().map(|record| Loaded::new(record, self.shared.now())))
    }

    /// Whether there are several live records of this selector, once it is loaded. Nothing tells which is the browser's.
    pub(crate) fn is_contested(&self, selector: &Selector) -> bool {
        self.all(selector).len() > 1
    }

    /// As [`SessionStore::create`](crate::store::SessionStore::create).
    pub(crate) async fn create(
        &self,
        begun: Instant,
        selector: &Selector,
        new: &NewRecord,
    ) -> Result<Created, StoreError> {
        let (shared, now) = (&*self.shared, self.shared.now());
        let record = Record::create(new, now);
        let (text, left) = (shared.pack(selector, &record)?, record.meta().expires().since(now));
        let call = || shared.store.save(text, left);
        let name = shared.bounds.write(begun, StoreCall::Create, selector, call).await?;
        let verifier = new.verifier;
        self.named(begun, Known { selector: *selector, name, seen: now, verifier }).await?;
        Ok(Created::Created)
    }

    /// As [`SessionStore::update`](crate::store::SessionStore::update).
    pub(crate) async fn update(
        &self,
        begun: Instant,
        selector: &Selector,
        change: &Change,
    ) -> Result<Updated, StoreError> {
        let _turn = self.turn(begun, selector).await?;
        let Some(known) = self.all(selector).into_iter().next() else { return Ok(Updated::Gone) };
        // It has the time of a load: who has waited for others must not take the store for one that does not answer.
        let Some(record) = self.read(Instant::now(), &known).await? else { return Ok(Updated::Gone) };
        let (shared, now) = (&*self.shared, self.shared.now());
        let next = match record.apply(change, now) {
            Outcome::Done(next) => next,
            Outcome::Conflict => {
                self.replace(selector, [Known { verifier: record.meta().verifier, ..known }]);
                return Ok(Updated::Conflict(Loaded::new(record, now)));
            }
            Outcome::Gone => {
                self.end(begun, selector).await?;
                return Ok(Updated::Gone);
            }
        };
        let (verifier, left) = (next.meta().verifier, next.meta().expires().since(now));
        if change.only_touches() {
            let call = || shared.store.prolong(&known.name, left);
            shared.bounds.write(begun, StoreCall::Update, selector, call).await?;
            // The record stays as it is, so its cookie says when the browser was seen.
            self.replace(selector, [Known { seen: next.meta().touched, verifier, ..known }]);
            return Ok(Updated::Done { revision: record.meta().revision });
        }
        let text = shared.pack(selector, &next)?;
        let call = || shared.store.update(&known.name, text, left);
        let name = shared.bounds.write(begun, StoreCall::Update, selector, call).await?;
        self.named(begun, Known { name, verifier, ..known }).await?;
        Ok(Updated::Done { revision: next.meta().revision })
    }

    /// As [`SessionStore::delete`](crate::store::SessionStore::delete).
    pub(crate) async fn delete(&self, begun: Instant, selector: &Selector) -> Result<(), StoreError> {
        let _turn = self.turn(begun, selector).await?;
        self.end(begun, selector).await
    }

    async fn end(&self, begun: Instant, selector: &Selector) -> Result<(), StoreError> {
        let shared = &*self.shared;
        for Known { name, .. } in self.all(selector) {
            let call = || shared.store.delete(&name);
            shared.bounds.write_again(begun, StoreCall::Delete, Some(selector), call).await?;
        }
        self.replace(selector, []);
        Ok(())
    }

    /// Waits until no other request of this process writes to the session, and leaves half of the time to the store.
    async fn turn(&self, begun: Instant, selector: &Selector) -> Result<MutexGuard<'_, ()>, StoreError> {
        let shared = &*self.shared;
        let turn = shared.writes.turn(selector, shared.bounds.left_to_save(begun) / 2).await;
        turn.ok_or_else(|| {
            let why = "other requests were changing this session until the deadline";
            StoreError::new(StoreErrorKind::Unavailable).with_source(why)
        })
    }

    /// The store has given a record its name. One that fits no cookie is given back.
    async fn named(&self, begun: Instant, known: Known) -> Result<(), StoreError> {
        let size = self.shared.size_with(&known.name);
        let selector = known.selector;
        self.replace(&selector, [known]);
        if size <= COOKIE_MAX {
            return Ok(());
        }
        self.end(begun, &selector).await?;
        Err(StoreError::new(StoreErrorKind::Full).with_source(format!(
            "the session's cookie would have {size} bytes, and browsers keep {COOKIE_MAX}, because of the key that the store gave the session; store less in it, or take a store whose keys are short"
        )))
    }

    /// Seals what points to the session of `id`, for the cookie that the request is answered with. Whether the browser had better keep the
    /// one that it has: because that says the same, or because another request has given it another id.
    pub(crate) fn seal(&self, id: &SessionId) -> Result<bool, Error> {
        let found = self.all(&id.selector).into_iter().next();
        let Some(Known { name, seen, verifier, .. }) = found else { return Err(Error::new(ErrorKind::Gone)) };
        let pointer = Pointer { id: *id, seen, name };
        if verifier != id.verifier_hash() || self.brought.borrow().contains(&pointer) {
            return Ok(true);
        }
        let text = self.shared.seal(&pointer);
        *self.text.borrow_mut() = text.map_err(|NoRandomness| Error::new(ErrorKind::NoRandomness))?;
        Ok(false)
    }

    /// The value of the cookie that was sealed last.
    pub(crate) fn text(&self) -> String {
        self.text.borrow().clone()
    }
}
