//! Makes a change, or a new record, of what a request did.
//!
//! In: a fold, a record. Out: what goes to the store. Never: what to do with the answer.

use std::sync::Arc;

use super::{
    fold::Fold,
    step::{After, CookieAction},
};
use crate::{
    error::{Error, ErrorKind},
    id::session_id::SessionId,
    record::{
        apply::{Outcome, Record},
        change::Change,
    },
    schema::group::Moved,
    store::contract::Loaded,
};

pub(crate) struct Attempt {
    pub(crate) id: SessionId,
    /// The record that the change was made for.
    pub(crate) on: Loaded,
    pub(crate) change: Change,
    /// The same without what was carried up on reading, if there was any.
    pub(crate) alone: Option<Change>,
    /// What was carried up on reading; it is stored if the change that is sent writes it.
    pub(crate) moved: Vec<Moved>,
    pub(crate) cookie: CookieAction,
}

/// Whether the session is called something else from now on.
pub(crate) fn relabels(fold: &Fold, record: &Record) -> bool {
    fold.label.as_ref().is_some_and(|label| *label != record.meta().label)
}

pub(crate) fn too_large(size: usize, max: usize) -> Result<(), Error> {
    if size > max {
        return Err(Error::new(ErrorKind::TooLarge).because(format!(
            "the session would hold {size} bytes, and the limit is {max}; store less, or raise `max_record_bytes`"
        )));
    }
    Ok(())
}

/// The record after a change, if nobody else wrote between the one it was made for and the change.
pub(crate) fn merged(id: SessionId, on: &Loaded, change: &Change, revision: u64) -> After {
    if revision != on.record.meta().revision + 1 {
        return After::Load(id);
    }
    match on.record.apply(change, on.now) {
        Outcome::Done(record) => After::Live(id, Loaded::new(Arc::<Record>::from(record), on.now)),
        Outcome::Conflict | Outcome::Gone => After::Load(id),
    }
}
