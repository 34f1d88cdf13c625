//! A user's struct as an extractor, and the tracked value behind its getters and setters.
//!
//! In: calls of getters and setters. Out: the value as it is now, and recorded operations. Never: a decision about what to save.

use std::{
    any::{TypeId, type_name},
    cell::{Cell, RefCell},
    fmt,
    future::Future,
    ops::Deref,
    panic::{AssertUnwindSafe, Location, catch_unwind},
    rc::Rc,
};

use actix_web::FromRequest;

use super::{session::Session, states::States};
use crate::{
    commit::operation::{Affects, Operation, Ran, Replay},
    error::{Error, ErrorKind},
    record::{json::Json, meta::Principal},
    schema::{
        describe::{Field, Schema},
        schemas::{Named, SchemasBuilder},
    },
    section::{
        patch::{Place, Seen},
        reader::{CellError, FieldValue, SectionReader, Texts},
        view::View,
    },
    sparse::Sparse,
    store::contract::Loaded,
    visit::visit::Visit,
};

/// A struct whose fields live in the visitor's session. `#[derive(SessionState)]` implements it; do not implement it by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session state",
    label = "not a session state",
    note = "put `#[derive(SessionState)]` and `#[session(version = 1)]` on your struct, and extract `TypedSession<YourStruct>`"
)]
pub trait SessionState: Sized + 'static {
    /// The extractor for this state, with its getters and setters.
    type Handle: From<Tracked<Self>> + FromRequest<Error = Error> + Deref<Target = Self>;

    /// The state's name, version and fields.
    fn schema() -> &'static Schema;

    /// Reads every field, in the order of the schema.
    ///
    /// # Errors
    /// When a stored cell does not fit its field.
    #[doc(hidden)]
    fn decode_section(cells: &mut SectionReader<'_>) -> Result<Self, CellError>;

    /// The field with the index `at` in the schema.
    #[doc(hidden)]
    fn field(&self, at: usize) -> &dyn FieldValue;
}

/// One visitor's session, seen as `T`: the type that a handler takes as an argument.
///
/// This is a name for the handle that the derive generates beside `T`, which has a getter and setters for each field:
///
/// ```
/// use actix_typed_session::{Error, SessionState, TypedSession};
///
/// #[derive(SessionState)]
/// #[session(version = 1)]
/// struct Shop {
///     #[session(principal)]
///     user: Option<u64>,
///     #[session(default)]
///     cart: Vec<u32>,
///     coupon: Option<String>,
///     #[session(flash)]
///     notice: Option<String>,
/// }
///
/// async fn everything(mut shop: TypedSession<Shop>) -> Result<(), Error> {
///     // Getters return the value, and cannot fail.
///     let _: Option<u64> = shop.user();
///     let _: &[u32] = shop.cart();
///     let _: Option<&str> = shop.coupon();
///
///     // Of two requests that set a field at once, the later one wins.
///     shop.set_cart(vec![11, 12]);
///     shop.set_coupon("spring");
///     shop.clear_coupon();
///
///     // A closure changes what is stored by then, exactly once: it runs again if another request was faster.
///     shop.update_cart(|cart| cart.push(13));
///     shop.update(|shop| {
///         shop.cart.clear();
///         shop.coupon = None;
///     });
///     let had_any: bool = shop.try_update(|shop| shop.cart.pop().is_some()).await?; // stored when it returns
///
///     // A flash field is shown once.
///     shop.set_notice(if had_any { "removed" } else { "nothing to remove" });
///     let _: Option<String> = shop.take_notice();
///
///     // Signing in renews the id, and signing out ends the session.
///     shop.set_user(42);
///     shop.clear_user();
///
///     // The session as a whole.
///     shop.session().renew();
///     Ok(())
/// }
/// # let _ = everything;
/// ```
///
/// The derive, [`SessionState`](derive@crate::SessionState), describes what is generated for which field.
pub type TypedSession<T> = <T as SessionState>::Handle;

/// One handle's copy of its section: what generated getters and setters call.
///
/// A read that finds the section changed adds a newer state instead of replacing the one before, so that references which were given
/// out stay valid. The next call that changes the handle, or reloads it, drops the older ones. A handle that is only read keeps 100
/// states, and goes on showing the last of them.
pub struct Tracked<T> {
    visit: Rc<Visit>,
    states: States<State<T>>,
}

/// A value, and what it was read from.
struct State<T> {
    value: T,
    texts: Texts,
    /// The stamp of the section when this was right; `None`: it never was.
    stamp: Cell<Option<u64>>,
}

impl<T> State<T> {
    /// Marks the value as wrong, whatever the session has.
    fn spoil(&mut self) {
        self.texts.clear();
        self.stamp.set(None);
    }
}

impl<T: SessionState> Tracked<T> {
    /// The state in a loaded session.
    pub(crate) fn open(visit: Rc<Visit>) -> Result<Self, Error> {
        visit.register(named::<T>())?;
        let stamp = Cell::new(Some(visit.stamp(T::schema())));
        // The first read tells what cannot be read; later ones would repeat it.
        let events = &visit.shared().events;
        let (value, texts) = visit.read(|seen| read(seen.reader(T::schema()).told(events)))?;
        Ok(Self { visit, states: States::new(State { value, texts, stamp }) })
    }

    /// A state that is newer than `state`, if there is one.
    fn newer(&self, state: &State<T>) -> Option<State<T>> {
        let schema = T::schema();
        let now = Some(self.visit.stamp(schema));
        if state.stamp.get() == now {
            return None;
        }
        let newer = self.visit.read_again(schema, |seen| {
            seen.reader(schema).check_gate()?;
            // What was read from the same texts is still right.
            let same = seen.reader(schema).has_texts(&state.texts);
            if same { Ok(None) } else { read(seen.reader(schema)).map(Some) }
        });
        // The visit remembers the error and answers the request with it, so there is no need to ask again.
        state.stamp.set(now);
        let (value, texts) = newer.ok().flatten()?;
        Some(State { value, texts, stamp: Cell::new(now) })
    }

    /// The state as it is now, the operations of other handles included.
    #[must_use]
    pub fn get(&self) -> &T {
        static LINES: Sparse = Sparse::new();
        if !self.states.is_full()
            && let Some(newer) = self.newer(self.states.newest())
        {
            self.states.add(newer);
            if self.states.is_full()
                && let Some(left_out) = LINES.due()
            {
                let schema = T::schema().name();
                tracing::warn!(
                    schema,
                    left_out,
                    "a session handle that is only read keeps too many states and shows no newer one; call its `reload().await` once in a while"
                );
            }
        }
        &self.states.newest().value
    }

    /// The same, to change in place.
    fn current(&mut self) -> &mut State<T> {
        self.states.only();
        let newer = self.newer(self.states.newest());
        let state = self.states.only();
        if let Some(newer) = newer {
            *state = newer;
        }
        state
    }

    /// Records with `perform` what the handle itself has just written. Its value is right then, unless that `affects` other fields too, or
    /// other operations were recorded since it was read, as a closure can do with another handle.
    fn record(
        &mut self,
        affects: Affects,
        wrote: impl IntoIterator<Item = (usize, Json)>,
        perform: impl FnOnce(&Visit),
    ) {
        let before = self.visit.stamp(T::schema());
        perform(&self.visit);
        let state = self.states.only();
        for (at, json) in wrote {
            if let Some(text) = state.texts.get_mut(at) {
                *text = Some(json);
            }
        }
        if self.visit.is_replaying() {
            // It was not recorded.
            state.spoil();
        } else if matches!(affects, Affects::Section(_)) && state.stamp.get() == Some(before) {
            state.stamp.set(Some(self.visit.stamp(T::schema())));
        }
    }

    /// Writes one field, whatever it held: the last writer wins.
    #[track_caller]
    pub fn set<V>(&mut self, at: usize, value: V, access: fn(&mut T) -> &mut V) {
        let place = Place { schema: T::schema(), at };
        self.write(at, value, access, |json| Operation::Set(place, json), Location::caller());
    }

    /// Writes the field that says who is signed in.
    #[track_caller]
    pub fn set_principal<V>(&mut self, at: usize, value: Option<V>, access: fn(&mut T) -> &mut Option<V>) {
        let (place, signs_in) = (Place { schema: T::schema(), at }, value.is_some());
        let operation =
            move |json| if signs_in { Operation::SignIn(place, json) } else { Operation::SignOut(place) };
        self.write(at, value, access, operation, Location::caller());
    }

    fn write<V>(
        &mut self,
        at: usize,
        value: V,
        access: fn(&mut T) -> &mut V,
        operation: impl FnOnce(Json) -> Operation,
        caller: &'static Location<'static>,
    ) {
        let state = &mut self.current().value;
        let old = std::mem::replace(access(state), value);
        match encode(state, at, caller) {
            Ok(json) => {
                let operation = operation(json.clone());
                let wrote = [(at, json)];
                self.record(operation.affects(), wrote, |visit| visit.perform(operation, caller));
            }
            Err(error) => {
                *access(state) = old;
                self.visit.fail(error);
            }
        }
    }

    /// Takes the value out of a flash field.
    #[track_caller]
    pub fn take<V>(&mut self, at: usize, access: fn(&mut T) -> &mut Option<V>) -> Option<V> {
        let (caller, place) = (Location::caller(), Place { schema: T::schema(), at });
        let taken = access(&mut self.current().value).take()?;
        let wrote = [(at, Json::null())];
        self.record(Affects::Section(place.schema), wrote, |visit| visit.take(place, caller));
        Some(taken)
    }

    /// Changes one field by a closure.
    #[track_caller]
    pub fn update_field<V: 'static>(
        &mut self,
        at: usize,
        access: fn(&mut T) -> &mut V,
        update: impl Fn(&mut V) + 'static,
    ) {
        let update = Box::new(move |state: &mut T| update(access(state)));
        self.run(Some(at), update, Purpose::Change, Location::caller());
    }

    /// Changes the state by a closure.
    #[track_caller]
    pub fn update(&mut self, update: impl Fn(&mut T) + 'static) {
        self.run(None, Box::new(update), Purpose::Change, Location::caller());
    }

    /// Sets every field to what it is when nothing is stored; `keep` swaps the fields that stay.
    #[track_caller]
    pub fn clear(&mut self, keep: fn(&mut T, &mut T)) {
        let clear = move |state: &mut T| {
            if let Ok((mut empty, _)) = read::<T>(View::NOTHING.reader(T::schema())) {
                keep(state, &mut empty);
                *state = empty;
            }
        };
        self.run(None, Box::new(clear), Purpose::Clear, Location::caller());
    }

    /// Changes the state by a closure, commits, and returns what the closure returned when it ran on the data that was stored.
    ///
    /// # Errors
    /// As [`Session::save`].
    #[track_caller]
    pub fn try_update<R: 'static, F: Fn(&mut T) -> R + 'static>(
        &mut self,
        update: F,
    ) -> impl Future<Output = Result<R, Error>> + use<T, R, F> {
        let result = Rc::new(RefCell::new(None));
        let slot = result.clone();
        let update = Box::new(move |state: &mut T| drop(slot.borrow_mut().replace(update(state))));
        self.run(None, update, Purpose::Tell, Location::caller());
        let saving = self.session().save();
        async move {
            saving.await?;
            result.take().ok_or_else(|| Error::new(ErrorKind::ClosurePanicked))
        }
    }

    /// The closure is boxed, so that the rest is compiled once for each state and not once for each closure.
    fn run(
        &mut self,
        read: Option<usize>,
        run: Box<dyn Fn(&mut T)>,
        purpose: Purpose,
        caller: &'static Location<'static>,
    ) {
        let closure = Closure { read, run, purpose, caller };
        let visit = self.visit.clone();
        let state = &mut self.current().value;
        let ran =
            closure.run_on(state).and_then(|ran| visit.read(|seen| closure.with_hidden(state, seen, ran)));
        match ran {
            Ok(ran) => {
                let (affects, wrote) = (Affects::Section(T::schema()), ran.wrote.clone());
                self.record(affects, wrote, |visit| visit.ran(Rc::new(closure), ran, caller));
            }
            Err(error) => {
                self.states.only().spoil();
                self.visit.fail(error);
            }
        }
    }

    /// Loads the session again, and drops the states that this handle has shown so far.
    ///
    /// # Errors
    /// As [`Session::reload`].
    pub fn reload(&mut self) -> impl Future<Output = Result<(), Error>> + use<T> {
        self.states.only();
        self.session().reload()
    }

    /// The session as a whole.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::of(self.visit.clone())
    }
}

impl<T: SessionState> fmt::Debug for Tracked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypedSession({:?})", T::schema().name())
    }
}

/// A closure over `T`, kept to run again.
struct Closure<T> {
    /// The index of the field that it is given; `None`: the whole state.
    read: Option<usize>,
    run: Box<dyn Fn(&mut T)>,
    purpose: Purpose,
    caller: &'static Location<'static>,
}

/// What a closure is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Change,
    /// Its caller is told what it returned.
    Tell,
    /// It sets the fields to their defaults.
    Clear,
}

impl<T: SessionState> Closure<T> {
    /// What a closure that clears must do besides. A stored value that the state does not show would show elsewhere, or again. What only
    /// this request has set need not be stored at all.
    fn with_hidden(&self, state: &T, seen: Seen<'_>, mut ran: Ran) -> Result<Ran, Error> {
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
    fn run_on(&self, state: &mut T) -> Result<Ran, Error> {
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

/// The state that `reader` reads, if this binary may read it, and the texts that it was read from.
fn read<T: SessionState>(reader: SectionReader<'_>) -> Result<(T, Texts), Error> {
    reader.check_gate()?;
    let mut reader = reader.keeping_texts();
    let state = T::decode_section(&mut reader)
        .map_err(|error| Error::new(ErrorKind::UnreadableField).because(error.to_string()))?;
    Ok((state, reader.into_texts()))
}

/// The text of a field, which reads as the same value again.
fn encode<T: SessionState>(state: &T, at: usize, caller: &Location<'_>) -> Result<Json, Error> {
    let place = Place { schema: T::schema(), at };
    let json = state.field(at).encode().map_err(|_| not_serializable(place, caller))?;
    check(state, at, &json, caller)?;
    Ok(json)
}

/// Whether a field reads as the same value again from `json`, its text. If it did not, every later request would fail.
fn check<T: SessionState>(state: &T, at: usize, json: &Json, caller: &Location<'_>) -> Result<(), Error> {
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

/// serde's own message may quote the value, so the error has only the field's name.
fn not_serializable(place: Place, caller: &Location<'_>) -> Error {
    Error::new(ErrorKind::NotSerializable).because(format!(
        "the session field `{}`, written by {caller}, could not be serialised to JSON",
        place.wire_key()
    ))
}

fn named<T: SessionState>() -> Named {
    Named { schema: T::schema(), id: TypeId::of::<T>(), ty: type_name::<T>() }
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

impl SchemasBuilder {
    /// Adds a state.
    pub fn with<T: SessionState>(self) -> Self {
        self.add(named::<T>())
    }
}
