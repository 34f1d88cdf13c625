//! A closure that a handler passed, kept to run again.
//!
//! In: a state. Out: what the closure changed, as texts. Never: a decision about when it runs again.

use std::panic::{AssertUnwindSafe, Location, catch_unwind};

use super::{
    state::SessionState,
    values::{check, encode, not_serializable, read},
};
use crate::{
    commit::operation::{Ran, Replay},
    error::{Error, ErrorKind},
    schema::describe::{Field, Schema},
    section::patch::{Place, Seen},
};

/// A closure over `T`, kept to run again.
pub(super) struct Closure<T> {
    /// The index of the field that it is given; `None`: the whole state.
    pub(super) read: Option<usize>,
    pub(super) run: Box<dyn Fn(&mut T)>,
    pub(super) purpose: Purpose,
    pub(super) caller: &'static Location<'static>,
}

/// What a closure is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Change,
    /// Its caller is told what it returned.
    Tell,
    /// It sets the fields to their defaults.
    Clear,
}

impl<T: SessionState> Closure<T> {
    /// What a closure that clears must do besides. A stored value that the state does not show would show elsewhere, or again. What only
    /// this request has set need not be stored at all.
    pub(super) fn with_hidden(&self, state: &T, seen: Seen<'_>, mut ran: Ran) -> Result<Ran, Error> {
        let schema = T::schema();
        if self.purpose != Purpose::Clear {
            return Ok(ran);
        }
        for at in 0..schema.fields().len() {
            let place = Place { schema, at };
            if schema.field(at).is_none_or(Field::is_principal) {
                continue;
            }
            if !seen.is_stored(place) {
                ran.wrote.retain(|(written, _)| *written != at);
                ran.unset.push(at);
            } else if !ran.wrote.iter().any(|(written, _)| *written == at) {
                let json = encode(state, at, self.caller)?;
                if !seen.is_stored_as(place, &json) {
                    ran.wrote.push((at, json));
                }
            }
        }
        Ok(ran)
    }

    /// Runs the closure in place and returns what it changed. Both texts that are compared come from this binary, so that a field
    /// which an older one wrote differently does not count as changed.
    pub(super) fn run_on(&self, state: &mut T) -> Result<Ran, Error> {
        let schema = T::schema();
        let fields = match self.read {
            Some(at) => at..at + 1,
            None => 0..schema.fields().len(),
        };
        let text = |state: &T, at| {
            let field = state.field(at);
            let json = field.encode().map_err(|_| not_serializable(Place { schema, at }, self.caller))?;
            // `None` and `Some(f64::NAN)` have the same text.
            let nulls = field.nulls_in(&json);
            Ok((json, nulls))
        };
        let before = fields.clone().map(|at| text(state, at)).collect::<Result<Vec<_>, Error>>()?;
        catch_unwind(AssertUnwindSafe(|| (self.run)(state)))
            .map_err(|_| self.failed(ErrorKind::ClosurePanicked))?;
        let mut wrote = Vec::new();
        for (at, before) in fields.zip(before) {
            let after = text(state, at)?;
            if before != after {
                check(state, at, &after.0, self.caller)?;
                wrote.push((at, after.0));
            }
        }
        // A closure may run again, and then who signs in would depend on which run counted.
        if wrote.iter().any(|(at, _)| schema.field(*at).is_some_and(Field::is_principal)) {
            return Err(self.failed(ErrorKind::PrincipalInUpdate));
        }
        Ok(Ran { schema, read: self.read, wrote, unset: Vec::new() })
    }

    /// The error, after what the closure changes and where it was passed.
    fn failed(&self, kind: ErrorKind) -> Error {
        let schema = T::schema();
        let what = match self.read {
            Some(at) => format!("field `{}`", Place { schema, at }.wire_key()),
            None => format!("state `{}`", schema.name()),
        };
        let error = Error::new(kind);
        let because = format!("the session {what}, updated by {}: {error}", self.caller);
        error.because(because)
    }
}

impl<T: SessionState> Replay for Closure<T> {
    fn schema(&self) -> &'static Schema {
        T::schema()
    }

    fn tells(&self) -> bool {
        self.purpose == Purpose::Tell
    }

    fn run(&self, seen: Seen<'_>) -> Result<Ran, Error> {
        let (mut state, _) = read::<T>(seen.reader(T::schema()))?;
        let ran = self.run_on(&mut state)?;
        self.with_hidden(&state, seen, ran)
    }
}
