//! What a request met, and what its operations stand on.
//!
//! In: what the load found. Out: an [`Arrival`], the [`Base`] under a fold, whether a touch is due. Never: an operation.

use std::time::Duration;

use crate::{
    id::session_id::SessionId,
    record::{apply::Record, meta::Meta, time::Timestamp},
    section::patch::Place,
    store::contract::Loaded,
};

/// What the load found.
#[derive(Clone, Debug)]
pub(crate) enum Arrival {
    /// No cookie of ours, or no live record under it.
    Nobody,
    /// The record that the cookie opens.
    Live(SessionId, Loaded),
    /// A record whose verifier has been replaced since the browser got this cookie, that long ago.
    Superseded(Duration),
    /// The session ended while the request ran: what it still writes counts as done just before.
    Ended,
    /// An earlier request ended it, and the store did not confirm that: it reads as nobody's, and is ended now.
    Unconfirmed(SessionId),
    /// A record that cannot be read; all that can be done with it is to delete it.
    Unreadable(SessionId),
}

/// A browser seen again after less than this part of the idle time is not recorded.
const TOUCH_PART: u32 = 10;

/// Whether the browser was last seen long enough ago to be recorded again.
pub(crate) fn touch_is_due(meta: &Meta, now: Timestamp) -> bool {
    now.since(meta.touched) > meta.limits.idle / TOUCH_PART
}

/// Whether another request replaced the verifier that the browser of this one has: it must not get a cookie any more.
pub(crate) fn is_overtaken(id: &SessionId, loaded: &Loaded) -> bool {
    loaded.record.meta().verifier != id.verifier_hash()
}

/// What a base of operations stands on: the record, or nothing.
#[derive(Clone, Copy)]
pub(crate) struct Base<'a> {
    pub(crate) record: Option<&'a Record>,
    pub(crate) now: Timestamp,
    /// The record as it was loaded, when the generation moved since: a blind set of a cell that also moved counts as written before.
    pub(crate) late: Option<&'a Record>,
}

impl Base<'_> {
    pub(crate) const EMPTY: Self = Self { record: None, now: Timestamp::from_millis(0), late: None };

    /// Whether a blind set counts as written before what the record holds now.
    pub(crate) fn overtaken(&self, place: Place) -> bool {
        let (Some(loaded), Some(record)) = (self.late, self.record) else { return false };
        place.moved(loaded, record) || (place.resets() && loaded.meta().signed_in != record.meta().signed_in)
    }
}

pub(crate) fn base_of(arrival: &Arrival) -> Base<'_> {
    match arrival {
        Arrival::Live(_, Loaded { record, now, .. }) => Base { record: Some(record), now: *now, late: None },
        _ => Base::EMPTY,
    }
}
