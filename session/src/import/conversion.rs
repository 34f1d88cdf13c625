//! What an old session comes to here.
//!
//! In: an old session, and a request that moves it. Out: operations, as handlers perform them. Never: a store.

use std::{
    error::Error as StdError,
    panic::{AssertUnwindSafe, Location, catch_unwind},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use super::old_session::OldSession;
use crate::{
    commit::operation::Operation,
    error::{Error, ErrorKind},
    handle::state::{SessionState, Tracked},
    id::public::VerifierHash,
    record::{
        apply::Record,
        cell::WireKey,
        change::{CellWrite, NewRecord},
        time::{Limits, Timestamp},
    },
    section::patch::Place,
    store::contract::Loaded,
    visit::visit::Visit,
};

/// Why an old session could not be converted: any error. It is logged, so it must not contain a value of the session.
pub type ConversionError = Box<dyn StdError>;

/// One thing to do with an old session.
#[derive(Clone)]
pub(super) struct Conversion(Arc<Convert>);

type Convert = dyn Fn(&OldSession, &Rc<Visit>) -> Result<(), ConversionError> + Send + Sync;

impl Conversion {
    /// Sets the fields of `T` whose names are keys of the old session.
    pub(super) fn by_name<T: SessionState>() -> Self {
        Self(Arc::new(|old, visit| Ok(set_by_name::<T>(old, visit)?)))
    }

    /// Lets `convert` set the fields of `T`.
    pub(super) fn with<T: SessionState>(
        convert: impl Fn(&OldSession, &mut T::Handle) -> Result<(), ConversionError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move |old, visit| {
            let mut state = T::Handle::from(Tracked::open(visit.clone())?);
            convert(old, &mut state)
        }))
    }

    /// Performs on `visit` what `old` comes to. A panic of the application's function is an error.
    pub(super) fn run(&self, old: &OldSession, visit: &Rc<Visit>) -> Result<(), ConversionError> {
        catch_unwind(AssertUnwindSafe(|| (self.0)(old, visit)))
            .unwrap_or_else(|_| Err("the function that converts an old session panicked".into()))
    }
}

/// Whoever is signed in comes first: a sign-in resets fields.
fn set_by_name<T: SessionState>(old: &OldSession, visit: &Rc<Visit>) -> Result<(), Error> {
    drop(Tracked::<T>::open(visit.clone())?);
    let (schema, state) = (T::schema(), decode::<T>(old)?);
    let named = schema.fields().iter().enumerate().filter(|(_, field)| old.json(field.name()).is_some());
    let (principal, others): (Vec<_>, Vec<_>) = named.partition(|(_, field)| field.is_principal());
    for (at, field) in principal.into_iter().chain(others) {
        let unfit = || {
            Error::new(ErrorKind::NotReadable)
                .because(format!("the value of `{}` in the old session does not fit its field", field.name()))
        };
        let value = state.field(at);
        let json = value.encode().map_err(|_| unfit())?;
        // A `lenient` field reads as its default, which need not be stored.
        if json.is_null() {
            continue;
        }
        if !value.reads_back(&json) {
            return Err(unfit());
        }
        let place = Place { schema, at };
        let operation =
            if field.is_principal() { Operation::SignIn(place, json) } else { Operation::Set(place, json) };
        visit.perform(operation, Location::caller());
    }
    Ok(())
}

/// The old session as a `T`, read as a record that has the values under the names of the fields.
fn decode<T: SessionState>(old: &OldSession) -> Result<T, Error> {
    let (never, now) = (Limits::new(Duration::MAX, Duration::MAX), Timestamp::default());
    let mut new = NewRecord::new(VerifierHash::from_bytes([0; 32]), never);
    let fields = T::schema().fields().iter();
    new.cells = fields
        .filter_map(|field| {
            let key = WireKey::from_static(field.wire_key());
            Some(CellWrite { ttl: field.ttl(), ..CellWrite::new(key, old.json(field.name())?.clone()) })
        })
        .collect();
    Loaded::new(Record::create(&new, now), now).state()
}
