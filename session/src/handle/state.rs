//! The tracked state behind a `TypedSession<T>`.
//!
//! In: calls of getters and setters. Out: the value as of now, and recorded operations. Never: a decision about what to save.

use std::ops::Deref;
use std::{
    cell::{OnceCell, RefCell},
    fmt,
    future::Future,
    marker::PhantomData,
    panic::{AssertUnwindSafe, Location, catch_unwind},
    rc::Rc,
};

use actix_web::FromRequest;

use super::session::Session;
use crate::{
    commit::{
        arrival::Base,
        fold::Fold,
        operation::{Operation, Ran, Replay},
    },
    error::{Error, ErrorKind},
    record::{json::Json, meta::Principal},
    schema::{
        describe::{Field, Schema},
        schemas::SchemasBuilder,
    },
    section::{
        cells::{CellError, Cells},
        patch::Place,
        view::View,
    },
    visit::visit::Visit,
};

/// One handle's view of its section: what generated getters and setters call.
///
/// Values form a chain: a read that meets a newer state appends it, so references given out before stay good.
pub struct Tracked<T> {
    visit: Rc<Visit>,
    head: Box<Node<T>>,
}

struct Node<T> {
    /// The visit's stamp when this value was right.
    stamp: u64,
    value: T,
    newer: OnceCell<Box<Node<T>>>,
}

impl<T> Node<T> {
    fn boxed(stamp: u64, value: T) -> Box<Self> {
        Box::new(Self { stamp, value, newer: OnceCell::new() })
    }
}

impl<T: SessionState> Tracked<T> {
    /// The state in a loaded session.
    pub(crate) fn open(visit: Rc<Visit>) -> Result<Self, Error> {
        visit.register::<T>()?;
        let head = Node::boxed(visit.stamp(), visit.read_first::<T>()?);
        Ok(Self { visit, head })
    }

    /// The state as of now, operations of other handles included.
    #[must_use]
    pub fn get(&self) -> &T {
        let now = self.visit.stamp();
        let mut node = &*self.head;
        while node.stamp != now {
            node = match node.newer.get() {
                Some(newer) => newer,
                None => match self.visit.read::<T>() {
                    Ok(value) => node.newer.get_or_init(|| Node::boxed(now, value)),
                    // The visit remembers the error and answers the request with it.
                    Err(_) => break,
                },
            };
        }
        &node.value
    }

    /// The same to change in place; nobody holds a reference, so the chain is cut.
    fn current(&mut self) -> &mut T {
        let now = self.visit.stamp();
        while self.head.stamp != now {
            self.head = match self.head.newer.take() {
                Some(newer) => newer,
                None => match self.visit.read::<T>() {
                    Ok(value) => Node::boxed(now, value),
                    Err(_) => break,
                },
            };
        }
        &mut self.head.value
    }

    /// After this handle's own operation its value is the current one.
    fn stay_current(&mut self) {
        self.head.stamp = self.visit.stamp();
    }

    /// A blind write of one field.
    #[track_caller]
    pub fn set<V>(&mut self, field: usize, value: V, place: fn(&mut T) -> &mut V) {
        let (at, here) = (Location::caller(), Place { schema: T::schema(), field });
        let state = self.current();
        let before = state.encode_field(field).ok();
        *place(state) = value;
        match state.encode_field(field) {
            Ok(json) => {
                let same = before.as_ref() == Some(&json);
                self.visit.set(here, json, same, at);
                self.stay_current();
            }
            Err(_) => self.visit.poison(not_serializable(here)),
        }
    }

    /// A write of the field that says who is signed in.
    #[track_caller]
    pub fn set_principal<V>(&mut self, field: usize, value: Option<V>, place: fn(&mut T) -> &mut Option<V>) {
        let (at, here) = (Location::caller(), Place { schema: T::schema(), field });
        let signs_in = value.is_some();
        let state = self.current();
        *place(state) = value;
        let operation = match state.encode_field(field) {
            Ok(json) if signs_in => Operation::SignIn(here, json),
            Ok(_) => Operation::SignOut(here),
            Err(_) => return self.visit.poison(not_serializable(here)),
        };
        // What it does to the other fields is the fold's to say; the next read decodes anew.
        self.visit.record(operation, at);
    }

    /// Reads a flash field away.
    #[track_caller]
    pub fn take<V>(&mut self, field: usize, place: fn(&mut T) -> &mut Option<V>) -> Option<V> {
        let (at, here) = (Location::caller(), Place { schema: T::schema(), field });
        let taken = place(self.current()).take()?;
        self.visit.take(here, at);
        self.stay_current();
        Some(taken)
    }

    /// Changes one field by a closure.
    #[track_caller]
    pub fn update_field<V: 'static>(
        &mut self,
        field: usize,
        place: fn(&mut T) -> &mut V,
        update: impl Fn(&mut V) + 'static,
    ) {
        self.run(Some(field), move |state| update(place(state)), Location::caller());
    }

    /// Changes the state by a closure.
    #[track_caller]
    pub fn update(&mut self, update: impl Fn(&mut T) + 'static) {
        self.run(None, update, Location::caller());
    }

    /// Changes the state by a closure, commits, and returns what the closure returned on the data that was stored.
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
        self.run(None, move |state| drop(slot.borrow_mut().replace(update(state))), Location::caller());
        let saving = self.session().save();
        async move {
            saving.await?;
            result.take().ok_or_else(|| Error::new(ErrorKind::ClosurePanicked))
        }
    }

    fn run(&mut self, read: Option<usize>, run: impl Fn(&mut T) + 'static, at: &'static Location<'static>) {
        let closure = Closure { read, run, state: PhantomData };
        match closure.run_on(self.current()) {
            Ok(ran) => {
                self.visit.updated(Rc::new(closure), ran, at);
                self.stay_current();
            }
            Err(error) => self.visit.poison(error),
        }
    }

    /// The session's life-cycle.
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
struct Closure<T, F> {
    /// The field it was given; `None`: the whole state.
    read: Option<usize>,
    run: F,
    state: PhantomData<fn(T)>,
}

impl<T: SessionState, F: Fn(&mut T)> Closure<T, F> {
    /// Runs it in place and says what it changed: encoded before, encoded after, both by this binary.
    fn run_on(&self, state: &mut T) -> Result<Ran, Error> {
        let schema = T::schema();
        let fields = match self.read {
            Some(field) => field..field + 1,
            None => 0..schema.fields().len(),
        };
        let encode = |state: &T, field| {
            state.encode_field(field).map_err(|_| not_serializable(Place { schema, field }))
        };
        let before: Vec<Json> = fields.clone().map(|field| encode(state, field)).collect::<Result<_, _>>()?;
        catch_unwind(AssertUnwindSafe(|| (self.run)(state)))
            .map_err(|_| Error::new(ErrorKind::ClosurePanicked))?;
        let mut wrote = Vec::new();
        for (field, before) in fields.zip(before) {
            let after = encode(state, field)?;
            if before != after {
                wrote.push((field, after));
            }
        }
        if wrote.iter().any(|(field, _)| schema.field(*field).is_some_and(Field::is_principal)) {
            return Err(Error::new(ErrorKind::PrincipalInUpdate));
        }
        Ok(Ran { schema, read: self.read, wrote })
    }
}

impl<T: SessionState, F: Fn(&mut T)> Replay for Closure<T, F> {
    fn schema(&self) -> &'static Schema {
        T::schema()
    }

    fn run(&self, view: View<'_>) -> Result<Ran, Error> {
        self.run_on(&mut decode::<T>(view, false)?)
    }
}

/// The state that `view` shows, if this binary may read it; `tells` of what cannot be read.
pub(crate) fn decode<T: SessionState>(view: View<'_>, tells: bool) -> Result<T, Error> {
    let schema = T::schema();
    view.gate(schema).map_err(|too_new| too_new.error(schema))?;
    T::decode_section(&mut view.cells(schema).telling(tells))
        .map_err(|error| Error::new(ErrorKind::UnreadableField).because(error.to_string()))
}

/// Whose the sessions are in which the principal field is `value`, in the very text that a sign-in stores.
#[doc(hidden)]
pub fn principal_of<T: SessionState, V>(
    field: usize,
    value: Option<V>,
    place: fn(&mut T) -> &mut Option<V>,
) -> Result<Principal, Error> {
    let nothing = Fold::default();
    let mut state = decode::<T>(nothing.view(Base::EMPTY), false)?;
    *place(&mut state) = value;
    let here = Place { schema: T::schema(), field };
    let json = state.encode_field(field).map_err(|_| not_serializable(here))?;
    Ok(Principal::new(here.wire_key(), &json))
}

/// serde's own message may quote the value, so only the field is named.
pub(crate) fn not_serializable(place: Place) -> Error {
    Error::new(ErrorKind::NotSerializable)
        .because(format!("the session field `{}` could not be serialised to JSON", place.wire_key()))
}

/// A struct whose fields live in the visitor's session. Written by `#[derive(SessionState)]`, not by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session state",
    label = "not a session state",
    note = "put `#[derive(SessionState)]` and `#[session(version = 1)]` on your struct, and extract `TypedSession<YourStruct>`"
)]
pub trait SessionState: Sized + 'static {
    /// The extractor for this state: its getters and setters.
    type Handle: From<Tracked<Self>> + FromRequest<Error = Error> + Deref<Target = Self>;

    /// Name, version and fields.
    fn schema() -> &'static Schema;

    /// Reads every field, in the order of the schema.
    ///
    /// # Errors
    /// When a stored cell does not fit its field.
    #[doc(hidden)]
    fn decode_section(cells: &mut Cells<'_>) -> Result<Self, CellError>;

    /// Writes the field that stands at this place in the schema.
    ///
    /// # Errors
    /// When the field's `Serialize` fails.
    #[doc(hidden)]
    fn encode_field(&self, field: usize) -> Result<Json, serde_json::Error>;
}

/// The session of one visitor, seen as `T`: what a handler takes as an argument.
///
/// This is a name for the handle that the derive generated beside `T`; look there for the getters and setters.
pub type TypedSession<T> = <T as SessionState>::Handle;

impl Cells<'_> {
    /// The whole section, and everything in it that cannot be read, which reads as its default.
    pub(crate) fn read_all<T: SessionState>(mut self) -> (Option<T>, Vec<CellError>) {
        self.found = Some(Vec::new());
        let state = T::decode_section(&mut self).ok();
        (state, self.found.unwrap_or_default())
    }
}

impl SchemasBuilder {
    /// One more state.
    pub fn with<T: SessionState>(mut self) -> Self {
        if let Err(clash) = self.schemas.add::<T>() {
            self.clash.get_or_insert(clash);
        }
        self
    }
}
