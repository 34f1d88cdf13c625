//! What generated getters and setters call.
//!
//! In: their calls. Out: the value as it is now, and recorded operations. Never: a decision about what to save.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    panic::Location,
    rc::Rc,
};

use super::{
    closure::{Closure, Purpose},
    session::Session,
    state::{SessionState, State, Tracked, named},
    states::States,
    values::{encode, read},
};
use crate::{
    commit::operation::{Affects, Operation},
    error::{Error, ErrorKind},
    record::json::Json,
    section::{patch::Place, view::View},
    sparse::Sparse,
    visit::visit::Visit,
};

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
