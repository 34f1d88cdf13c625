//! A state from its stored texts, and the text of a field.
//!
//! In: a section's cells, or a state. Out: the state, or a text that reads as the same value again. Never: an error that quotes a value.

use std::panic::Location;

use super::state::SessionState;
use crate::{
    error::{Error, ErrorKind},
    record::{json::Json, meta::Principal},
    section::{
        patch::Place,
        reader::{SectionReader, Texts},
        view::View,
    },
    store::contract::Loaded,
};

/// The state that `reader` reads, if this binary may read it, and the texts that it was read from.
pub(super) fn read<T: SessionState>(reader: SectionReader<'_>) -> Result<(T, Texts), Error> {
    reader.check_gate()?;
    let mut reader = reader.keeping_texts();
    let state = T::decode_section(&mut reader)
        .map_err(|error| Error::new(ErrorKind::UnreadableField).because(error.to_string()))?;
    Ok((state, reader.into_texts()))
}

/// The text of a field, which reads as the same value again.
pub(super) fn encode<T: SessionState>(state: &T, at: usize, caller: &Location<'_>) -> Result<Json, Error> {
    let place = Place { schema: T::schema(), at };
    let json = state.field(at).encode().map_err(|_| not_serializable(place, caller))?;
    check(state, at, &json, caller)?;
    Ok(json)
}

/// Whether a field reads as the same value again from `json`, its text. If it did not, every later request would fail.
pub(super) fn check<T: SessionState>(
    state: &T,
    at: usize,
    json: &Json,
    caller: &Location<'_>,
) -> Result<(), Error> {
    let field = state.field(at);
    let reads_back = if json.is_null() {
        // This clears the field, so it must be what the field reads as when nothing is stored.
        let (unset, _) = read::<T>(View::NOTHING.reader(T::schema()))?;
        unset.field(at).encode().is_ok_and(|text| text.is_null())
            && unset.field(at).nulls_in(json) == field.nulls_in(json)
    } else {
        field.reads_back(json)
    };
    if reads_back {
        return Ok(());
    }
    Err(Error::new(ErrorKind::NotReadable).because(format!(
        "the session field `{}` was given a value that cannot be read back from its JSON, by {caller}; it is not stored: \
         refuse such a value, or change the type of the field or how serde writes it",
        Place { schema: T::schema(), at }.wire_key()
    )))
}

/// serde's own message may quote the value, so the error has only the field's name.
pub(super) fn not_serializable(place: Place, caller: &Location<'_>) -> Error {
    Error::new(ErrorKind::NotSerializable).because(format!(
        "the session field `{}`, written by {caller}, could not be serialised to JSON",
        place.wire_key()
    ))
}

/// The principal for this value of the principal field, in the very text that a sign-in stores.
#[doc(hidden)]
#[track_caller]
pub fn principal_of<T: SessionState, V>(
    at: usize,
    value: Option<V>,
    access: fn(&mut T) -> &mut Option<V>,
) -> Result<Principal, Error> {
    let (mut state, _) = read::<T>(View::NOTHING.reader(T::schema()))?;
    *access(&mut state) = value;
    let json = encode(&state, at, Location::caller())?;
    Ok(Principal::new(Place { schema: T::schema(), at }.wire_key(), &json))
}

impl Loaded {
    /// The record as a `T`, as a handler of this binary would read it. It is a copy, and changing it changes nothing that is stored.
    ///
    /// ```
    /// use actix_typed_session::{SessionState, id::PublicId, store::{AnyStore, SessionStore}};
    ///
    /// #[derive(SessionState)]
    /// #[session(name = "shop", version = 1)]
    /// struct Shop {
    ///     #[session(default)]
    ///     cart: Vec<u32>,
    /// }
    ///
    /// /// What is in the cart of the session that a line of the log names.
    /// async fn cart_of(store: &AnyStore, id: PublicId) -> Result<Option<Vec<u32>>, Box<dyn std::error::Error>> {
    ///     let Some(loaded) = store.load(&id.into()).await? else { return Ok(None) };
    ///     Ok(Some(loaded.state::<Shop>()?.cart))
    /// }
    /// # let _ = cart_of;
    /// ```
    ///
    /// A store has no keys, so a [`secret`](macro@crate::SessionState) field of a record that was loaded from it directly is still sealed, and its
    /// section cannot be read this way. Handlers read it.
    ///
    /// # Errors
    /// [`ErrorKind::UnreadableField`] if a stored value does not fit its field or is sealed, [`ErrorKind::SchemaTooNew`] if a later version of the schema
    /// stored it.
    pub fn state<T: SessionState>(&self) -> Result<T, Error> {
        read(View::of(&self.record, self.now).reader(T::schema())).map(|(state, _)| state)
    }
}
