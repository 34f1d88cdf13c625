//! What failed in one request, and whether its handler knows.
//!
//! In: errors, as they come up, and the operations that they belong to. Out: whether anything can still be saved, and the error that
//! answers the request. A failure counts until its handler acknowledges it. Never: why something fails.

use std::rc::Rc;

use super::operation::Recorded;
use crate::{
    error::{Error, ErrorKind},
    schema::describe::Schema,
};

/// How many faults are kept in mind.
const FAULTS_MAX: usize = 100;

/// The failures of one request.
#[derive(Default)]
pub(super) struct Failures {
    /// What keeps the request from being saved.
    faults: Vec<Error>,
    /// The last commit that was rejected before anything was sent, with its operations.
    rejected: Option<(Error, Vec<Rc<Recorded>>)>,
    /// Extractions that failed, and commits that were given up. One that the handler did not acknowledge answers the request.
    refused: Vec<Error>,
    /// Sections that a handle could not read again, one error for each. They answer the request too.
    unread: Vec<(&'static Schema, Error)>,
    /// Whether a section that the request asked for could not be read: it then leaves no trace.
    is_locked_out: bool,
}

impl Failures {
    /// Nothing of the request can be saved any more.
    pub(super) fn fail(&mut self, error: Error) {
        self.faults.retain(|fault| !fault.is_acknowledged());
        // A stream that takes no notice of them would go on for ever; nothing is saved until all are acknowledged.
        self.faults.truncate(FAULTS_MAX - 1);
        self.faults.push(error);
    }

    /// A commit of `operations` was rejected before anything was sent.
    pub(super) fn reject(&mut self, error: Error, operations: Vec<Rc<Recorded>>) {
        self.rejected = Some((error, operations));
    }

    /// A later commit ended otherwise.
    pub(super) fn forget_rejected(&mut self) {
        self.rejected = None;
    }

    /// Something failed that may answer the request.
    pub(super) fn refuse(&mut self, error: &Error) {
        self.refused.retain(|known| !known.is_acknowledged());
        if !self.refused.iter().any(|known| known.is_same(error)) {
            self.refused.push(error.clone());
        }
    }

    /// A handle could not read its section again.
    pub(super) fn misread(&mut self, schema: &'static Schema, error: Error) {
        self.note_lockout(&error);
        if !self.unread.iter().any(|(known, _)| std::ptr::eq(*known, schema)) {
            self.unread.push((schema, error));
        }
    }

    /// Notes whether this binary could not read a section because that is too new, or has a field that does not fit.
    pub(super) fn note_lockout(&mut self, error: &Error) {
        self.is_locked_out |= matches!(error.kind(), ErrorKind::SchemaTooNew | ErrorKind::UnreadableField);
    }

    /// Whether the request must leave no trace, because this binary could not read what it asked for.
    pub(super) const fn is_locked_out(&self) -> bool {
        self.is_locked_out
    }

    /// Whether anything keeps the request from being saved.
    pub(super) const fn are_fatal(&self) -> bool {
        !self.faults.is_empty()
    }

    /// Fails if nothing of the request can be saved any more.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.faults.first().cloned().map_or(Ok(()), Err)
    }

    /// The first failure that nobody acknowledged. A commit that was rejected does not count if the handler has done more since, so that
    /// these are other `operations`: that may have mended it.
    pub(super) fn unacknowledged(&self, operations: &[Rc<Recorded>]) -> Option<Error> {
        let is_same = |covered: &[Rc<Recorded>]| {
            covered.len() == operations.len()
                && covered.iter().zip(operations).all(|(one, other)| Rc::ptr_eq(one, other))
        };
        let rejected = self.rejected.iter().filter(|(_, covered)| is_same(covered)).map(|(error, _)| error);
        self.answering().chain(rejected).find(|error| !error.is_acknowledged()).cloned()
    }

    fn answering(&self) -> impl Iterator<Item = &Error> {
        self.refused.iter().chain(self.unread.iter().map(|(_, error)| error))
    }

    /// Whether there are rejected operations to forget.
    pub(super) fn has_acknowledged(&self) -> bool {
        self.rejected.as_ref().is_some_and(|(error, _)| error.is_acknowledged())
    }

    /// Forgets what the handler acknowledged. Returns the operations of a commit that was rejected, if it acknowledged that.
    pub(super) fn forget_acknowledged(&mut self) -> Vec<Rc<Recorded>> {
        self.faults.retain(|fault| !fault.is_acknowledged());
        let acknowledged = self.rejected.take_if(|(error, _)| error.is_acknowledged());
        acknowledged.map(|(_, rejected)| rejected).unwrap_or_default()
    }

    /// Forgets what kept the request from being saved. Returns the operations of a commit that was rejected.
    pub(super) fn forget_unsaved(&mut self) -> Vec<Rc<Recorded>> {
        self.faults.clear();
        self.rejected.take().map(|(_, rejected)| rejected).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SHOP: Schema = Schema::new("shop", "$shop", 1, &[]);
    static LOOK: Schema = Schema::new("look", "$look", 1, &[]);

    /// A getter in a stream may fail once a round.
    #[test]
    fn sections_that_cannot_be_read_again_are_kept_once_each() {
        let mut failures = Failures::default();
        for _ in 0..1000 {
            failures.misread(&SHOP, Error::new(ErrorKind::SchemaTooNew));
            failures.misread(&LOOK, Error::new(ErrorKind::UnreadableField));
        }
        assert_eq!(failures.answering().count(), 2);
        assert_eq!(failures.unacknowledged(&[]).map(|error| error.kind()), Some(ErrorKind::SchemaTooNew));
    }
}
