//! A user's struct as an extractor, and the tracked value behind its getters and setters.
//!
//! In: calls of getters and setters. Out: the value as it is now, and recorded operations. Never: a decision about what to save.

use std::{
    any::{TypeId, type_name},
    cell::{OnceCell, RefCell},
    fmt,
    future::Future,
    marker::PhantomData,
    ops::Deref,
    panic::{AssertUnwindSafe, Location, catch_unwind},
    rc::Rc,
};

use actix_web::FromRequest;

use super::session::Session;
use crate::{
    commit::operation::{Operation, Ran, Replay},
    error::{Error, ErrorKind},
    record::{json::Json, meta::Principal},
    schema::{
        describe::{Field, Schema},
        schemas::{Named, SchemasBuilder},
    },
    section::{
        patch::{Place, Seen},
        reader::{CellError, SectionReader},
        view::View,
    },
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

    /// Encodes the field with the index `at` in the schema.
    ///
    /// # Errors
    /// When the field's `Serialize` fails.
    #[doc(hidden)]
    fn encode_field(&self, at: usize) -> Result<Json, serde_json::Error>;
}

/// One visitor's session, seen as `T`: the type that a handler takes as an argument.
///
/// This is a name for the handle that the derive generates beside `T`; see there for the getters and setters.
pub type TypedSession<T> = <T as SessionState>::Handle;

/// One handle's copy of its section: what generated getters and setters call.
///
/// Values form a chain. A read that finds the session changed appends a newer value instead of replacing the old one, so
/// references that were given out stay valid.
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
        visit.register(named::<T>())?;
        // The first read tells the log what cannot be read; later ones would repeat it.
        let lines = &visit.shared().lines.unreadable;
        let value = visit.read(|seen| decode_with(seen.reader(T::schema()).logged(lines)))?;
        let head = Node::boxed(visit.stamp(), value);
        Ok(Self { visit, head })
    }

    /// A getter cannot return a failure, so the request is answered with it.
    fn read(&self) -> Result<T, Error> {
        self.visit.read(decode::<T>).inspect_err(|error| self.visit.refuse(error))
    }

    /// The state as it is now, the operations of other handles included.
    #[must_use]
    pub fn get(&self) -> &T {
        let now = self.visit.stamp();
        let mut node = &*self.head;
        while node.stamp != now {
            node = match node.newer.get() {
                Some(newer) => newer,
                None => match self.read() {
                    Ok(value) => node.newer.get_or_init(|| Node::boxed(now, value)),
                    // The visit remembers the error and answers the request with it.
                    Err(_) => break,
                },
            };
        }
        &node.value
    }

    /// The same, to change in place. Nobody holds a reference, so older values are dropped.
    fn current(&mut self) -> &mut T {
        let now = self.visit.stamp();
        while self.head.stamp != now {
            self.head = match self.head.newer.take() {
                Some(newer) => newer,
                None => match self.read() {
                    Ok(value) => Node::boxed(now, value),
                    Err(_) => break,
                },
            };
        }
        &mut self.head.value
    }

    /// Marks the value as right: the handle's own operation has been applied to it.
    fn stay_current(&mut self) {
        self.head.stamp = self.visit.stamp();
    }

    /// Writes one field, whatever it held: the last writer wins.
    #[track_caller]
    pub fn set<V>(&mut self, at: usize, value: V, access: fn(&mut T) -> &mut V) {
        let (caller, place) = (Location::caller(), Place { schema: T::schema(), at });
        let state = self.current();
        *access(state) = value;
        match state.encode_field(at) {
            Ok(json) => {
                self.visit.perform(Operation::Set(place, json), caller);
                self.stay_current();
            }
            Err(_) => self.visit.fail(not_serializable(place)),
        }
    }

    /// Writes the field that says who is signed in.
    #[track_caller]
    pub fn set_principal<V>(&mut self, at: usize, value: Option<V>, access: fn(&mut T) -> &mut Option<V>) {
        let (caller, place) = (Location::caller(), Place { schema: T::schema(), at });
        let signs_in = value.is_some();
        let state = self.current();
        *access(state) = value;
        let operation = match state.encode_field(at) {
            Ok(json) if signs_in => Operation::SignIn(place, json),
            Ok(_) => Operation::SignOut(place),
            Err(_) => return self.visit.fail(not_serializable(place)),
        };
        // Signing in or out changes other fields too, so this value is not marked as right; the next read decodes it anew.
        self.visit.perform(operation, caller);
    }

    /// Takes the value out of a flash field.
    #[track_caller]
    pub fn take<V>(&mut self, at: usize, access: fn(&mut T) -> &mut Option<V>) -> Option<V> {
        let (caller, place) = (Location::caller(), Place { schema: T::schema(), at });
        let taken = access(self.current()).take()?;
        self.visit.take(place, caller);
        self.stay_current();
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
        self.run(Some(at), move |state| update(access(state)), false, Location::caller());
    }

    /// Changes the state by a closure.
    #[track_caller]
    pub fn update(&mut self, update: impl Fn(&mut T) + 'static) {
        self.run(None, update, false, Location::caller());
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
        self.run(None, move |state| drop(slot.borrow_mut().replace(update(state))), true, Location::caller());
        let saving = self.session().save();
        async move {
            saving.await?;
            result.take().ok_or_else(|| Error::new(ErrorKind::ClosurePanicked))
        }
    }

    fn run(
        &mut self,
        read: Option<usize>,
        run: impl Fn(&mut T) + 'static,
        tells: bool,
        caller: &'static Location<'static>,
    ) {
        let closure = Closure { read, run, tells, state: PhantomData };
        match closure.run_on(self.current()) {
            Ok(ran) => {
                self.visit.ran(Rc::new(closure), ran, caller);
                self.stay_current();
            }
            Err(error) => self.visit.fail(error),
        }
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
struct Closure<T, F> {
    /// The index of the field that it is given; `None`: the whole state.
    read: Option<usize>,
    run: F,
    /// Whether its caller is told what it returned.
    tells: bool,
    state: PhantomData<fn(T)>,
}

impl<T: SessionState, F: Fn(&mut T)> Closure<T, F> {
    /// Runs the closure in place and returns what it changed. Both texts that are compared come from this binary, so that a field
    /// which an older one wrote differently does not count as changed.
    fn run_on(&self, state: &mut T) -> Result<Ran, Error> {
        let schema = T::schema();
        let fields = match self.read {
            Some(at) => at..at + 1,
            None => 0..schema.fields().len(),
        };
        let encode =
            |state: &T, at| state.encode_field(at).map_err(|_| not_serializable(Place { schema, at }));
        let before: Vec<Json> = fields.clone().map(|at| encode(state, at)).collect::<Result<_, _>>()?;
        catch_unwind(AssertUnwindSafe(|| (self.run)(state)))
            .map_err(|_| Error::new(ErrorKind::ClosurePanicked))?;
        let mut wrote = Vec::new();
        for (at, before) in fields.zip(before) {
            let after = encode(state, at)?;
            if before != after {
                wrote.push((at, after));
            }
        }
        // A closure may run again, and then who signs in would depend on which run counted.
        if wrote.iter().any(|(at, _)| schema.field(*at).is_some_and(Field::is_principal)) {
            return Err(Error::new(ErrorKind::PrincipalInUpdate));
        }
        Ok(Ran { schema, read: self.read, wrote })
    }
}

impl<T: SessionState, F: Fn(&mut T)> Replay for Closure<T, F> {
    fn schema(&self) -> &'static Schema {
        T::schema()
    }

    fn tells(&self) -> bool {
        self.tells
    }

    fn run(&self, seen: Seen<'_>) -> Result<Ran, Error> {
        self.run_on(&mut decode::<T>(seen)?)
    }
}

/// The state that `seen` shows, if this binary may read it.
fn decode<T: SessionState>(seen: Seen<'_>) -> Result<T, Error> {
    decode_with(seen.reader(T::schema()))
}

fn decode_with<T: SessionState>(mut reader: SectionReader<'_>) -> Result<T, Error> {
    reader.check_gate()?;
    T::decode_section(&mut reader)
        .map_err(|error| Error::new(ErrorKind::UnreadableField).because(error.to_string()))
}

/// The principal for this value of the principal field, in the very text that a sign-in stores.
#[doc(hidden)]
pub fn principal_of<T: SessionState, V>(
    at: usize,
    value: Option<V>,
    access: fn(&mut T) -> &mut Option<V>,
) -> Result<Principal, Error> {
    let mut state = decode_with::<T>(View::NOTHING.reader(T::schema()))?;
    *access(&mut state) = value;
    let place = Place { schema: T::schema(), at };
    let json = state.encode_field(at).map_err(|_| not_serializable(place))?;
    Ok(Principal::new(place.wire_key(), &json))
}

/// serde's own message may quote the value, so the error has only the field's name.
fn not_serializable(place: Place) -> Error {
    Error::new(ErrorKind::NotSerializable)
        .because(format!("the session field `{}` could not be serialised to JSON", place.wire_key()))
}

fn named<T: SessionState>() -> Named {
    Named { schema: T::schema(), id: TypeId::of::<T>(), ty: type_name::<T>() }
}

impl SchemasBuilder {
    /// Adds a state.
    pub fn with<T: SessionState>(self) -> Self {
        self.add(named::<T>())
    }
}
