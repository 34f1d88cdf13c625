//! What the cookie of a session in a store of another library says, and what that store keeps.
//!
//! In: keys, such a store, a record. Out: the texts of cookies and of records, and what they say again. Never: a call of the store.

use std::{fmt, sync::Arc};

use super::{carried::COOKIE_MAX, turns::Turns};
use crate::{
    id::{
        public::{Selector, VerifierHash},
        random::{NoRandomness, Randomness},
        seal::{Sealer, sealed_chars},
        session_id::{ID_BYTES, SessionId},
    },
    record::{
        apply::Record,
        packed::{pack, unpack},
        time::Timestamp,
    },
    store::{
        bounds::Bounds,
        clock::Clock,
        error::{StoreError, StoreErrorKind},
        foreign::ForeignStore,
    },
};

const SEEN_BYTES: usize = 8;

/// What all requests of an application share that keeps sessions in a store of another library.
pub(crate) struct InForeign {
    pub(crate) store: Arc<dyn ForeignStore>,
    pub(crate) bounds: Bounds,
    /// Seals what cookies carry.
    pub(crate) pointers: Sealer,
    /// Seals what the store keeps.
    pub(crate) records: Sealer,
    /// What a `Set-Cookie` has beside the value, at most.
    pub(crate) around: usize,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Randomness,
    /// Between the reading and the writing of a change, no other one of this process writes.
    pub(crate) writes: Turns,
}

impl fmt::Debug for InForeign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InForeign").finish_non_exhaustive()
    }
}

/// What one cookie seals.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Pointer {
    pub(crate) id: SessionId,
    /// When the browser was last seen, as far as the cookie knows: a request that only reads leaves the record as it is.
    pub(super) seen: Timestamp,
    /// What the store calls the record.
    pub(super) name: String,
}

impl Pointer {
    fn to_bytes(&self) -> Vec<u8> {
        [&self.id.to_bytes()[..], &self.seen.as_millis().to_le_bytes(), self.name.as_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (id, rest) = bytes.split_first_chunk()?;
        let (seen, name) = rest.split_first_chunk()?;
        let seen = Timestamp::from_millis(u64::from_le_bytes(*seen));
        let name = std::str::from_utf8(name).ok()?.to_owned();
        Some(Self { id: SessionId::from_bytes(id), seen, name })
    }
}

impl InForeign {
    /// Whether a sealed pointer may have so many octets.
    pub(crate) const fn can_have(length: usize) -> bool {
        sealed_chars(ID_BYTES + SEEN_BYTES) <= length && length <= COOKIE_MAX
    }

    /// What the value of a cookie seals; `None` if our keys did not seal it.
    pub(crate) fn open(&self, value: &[u8]) -> Option<Pointer> {
        Pointer::from_bytes(&self.pointers.open(value)?)
    }

    /// The value of the cookie that seals `pointer`.
    pub(super) fn seal(&self, pointer: &Pointer) -> Result<String, NoRandomness> {
        self.pointers.seal(&pointer.to_bytes(), self.random)
    }

    /// How long a `Set-Cookie` with this name of a record is, at most.
    pub(super) fn size_with(&self, name: &str) -> usize {
        self.around + sealed_chars(ID_BYTES + SEEN_BYTES + name.len())
    }

    /// The text that the store keeps of `record`.
    pub(super) fn pack(&self, selector: &Selector, record: &Record) -> Result<String, StoreError> {
        let verifier = record.meta().verifier;
        let plain = [&selector.as_bytes()[..], verifier.as_bytes(), &pack(record)].concat();
        let text = self.records.seal(&plain, self.random);
        text.map_err(|none| StoreError::new(StoreErrorKind::Unavailable).with_source(none))
    }

    /// The record of `selector` that `text` seals. A store may give a name to another session later, whose record is none of this one; what
    /// a key seals that has left the ring has ended, as the cookies of that key have.
    pub(super) fn unpack(&self, selector: &Selector, text: &str) -> Result<Option<Record>, StoreError> {
        let Some(plain) = self.records.open(text.as_bytes()) else {
            if self.records.lacks_key_of(text) {
                return Ok(None);
            }
            let why = "it is not what a key of this application sealed";
            return Err(StoreError::new(StoreErrorKind::Unreadable).with_source(why));
        };
        let Some((verifier, packed)) =
            plain.strip_prefix(selector.as_bytes()).and_then(|rest| rest.split_first_chunk())
        else {
            return Ok(None);
        };
        Ok(Some(unpack(packed, VerifierHash::from_bytes(*verifier))?))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
