//! Which session a request has, of those whose middlewares wrap its handler.
//!
//! In: what each middleware attaches to the request. Out: the session that a state lives in, or the error that says what is missing. Never:
//! a load.

use std::{
    any::{TypeId, type_name},
    cell::{Cell, RefCell},
    rc::Rc,
};

use actix_web::{
    HttpMessage, HttpRequest,
    dev::{ServiceRequest, ServiceResponse},
};

use super::site::{Said, Site};
use crate::{
    error::{Error, ErrorKind},
    handle::state::SessionState,
    sparse::Sparse,
    visit::visit::Visit,
};

/// The session of a request, as the middleware attaches it to the request's extensions.
#[derive(Clone)]
#[allow(missing_debug_implementations)] // cannot be named outside of this crate
pub struct Attached {
    pub(super) visit: Rc<Visit>,
    pub(super) site: Rc<Site>,
    /// What the middleware around this one attached.
    pub(super) outer: Option<Rc<Attached>>,
}

/// What has become of those sessions of a request whose middlewares have answered: the inner ones before those around them.
#[derive(Default)]
pub(super) struct Answered {
    /// What their responses must say, in case that a middleware around them replaces the response.
    pub(super) said: RefCell<Vec<Rc<Said>>>,
    /// Whether one of them has stored anything.
    pub(super) has_stored: Cell<bool>,
}

impl Attached {
    /// Attaches the session of a middleware; fails if one around it has attached a session that lives in the same cookie.
    pub(crate) fn attach(request: &ServiceRequest, visit: Rc<Visit>, site: Rc<Site>) -> Result<Self, Error> {
        let mut extensions = request.extensions_mut();
        let outer = extensions.get::<Self>().cloned().map(Rc::new);
        let is_same = |outer: &Self| outer.site.carrier.name() == site.carrier.name();
        if outer.as_ref().is_some_and(|outer| outer.all().any(is_same)) {
            return Err(Error::new(ErrorKind::NestedMiddleware));
        }
        let attached = Self { visit, site, outer };
        extensions.insert(attached.clone());
        Ok(attached)
    }

    /// Attaches the session of the middleware around this one again, if there is one, to a request that this one has answered.
    pub(crate) fn detach<B>(&self, response: &ServiceResponse<B>) {
        if let Some(outer) = &self.outer {
            response.request().extensions_mut().insert(Self::clone(outer));
        }
    }

    /// This one, and those around it.
    pub(super) fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |attached| attached.outer.as_deref())
    }

    /// What has become of the sessions within this one, if there were any and they have answered.
    pub(super) fn answered_within(&self) -> Option<&Answered> {
        self.outermost().visit.edge.get()?.downcast_ref()
    }

    /// Tells the middlewares around this one, if there are any, what its response says and whether it has stored anything.
    pub(super) fn tell_outer(&self, said: &Rc<Said>, has_stored: bool) {
        if self.outer.is_none() {
            return;
        }
        let edge = self.outermost().visit.edge.get_or_init(|| Box::new(Answered::default()));
        if let Some(answered) = edge.downcast_ref::<Answered>() {
            answered.said.borrow_mut().push(said.clone());
            answered.has_stored.set(answered.has_stored.get() || has_stored);
        }
    }

    fn outermost(&self) -> &Self {
        self.all().last().unwrap_or(self)
    }

    /// Whether its middleware names any state.
    pub(super) fn names_any(&self) -> bool {
        self.visit.shared().known.names_any()
    }

    /// Whether its middleware names the state `T`.
    pub(super) fn names<T: 'static>(&self) -> bool {
        self.visit.shared().known.names(TypeId::of::<T>())
    }

    /// The session that the state `T` lives in: of several, that of the middleware which names it.
    pub(super) fn home_of<T: SessionState>(self, place: &str) -> Result<Self, Error> {
        if self.outer.is_none() {
            return Ok(self);
        }
        let mut homes = self.all().filter(|attached| attached.names::<T>());
        match (homes.next(), homes.next()) {
            (Some(home), None) => Ok(home.clone()),
            (home, _) => Err(several::<T>(place, home.is_some())),
        }
    }
}

#[cfg(feature = "testing")]
impl Attached {
    /// Attaches a session to a request that no middleware has seen.
    pub(crate) fn put(request: &HttpRequest, visit: Rc<Visit>, site: &Site) {
        request.extensions_mut().insert(Self { visit, site: Rc::new(site.clone()), outer: None });
    }
}

#[cold]
pub(super) fn missing<T>(place: &str) -> Error {
    static LINES: Sparse = Sparse::new();
    let asked = short(type_name::<T>());
    let error = Error::new(ErrorKind::MissingMiddleware).because(format!(
        "`{asked}` was asked for on `{place}`, but no session middleware wraps it; add `.wrap(SessionMiddleware::new(store, key))` to the `App`, after the `.wrap(..)` of any middleware that uses the session: what is wrapped last runs first"
    ));
    if let Some(left_out) = LINES.due() {
        tracing::error!(%error, left_out, "a handler asked for a session where there is none");
    }
    error
}

#[cold]
fn several<T>(place: &str, are_named: bool) -> Error {
    static LINES: Sparse = Sparse::new();
    let asked = short(type_name::<T>());
    let named = if are_named { "more than one of them names it" } else { "none of them names it" };
    let error = Error::new(ErrorKind::SeveralSessions).because(format!(
        "`{asked}` was asked for on `{place}`, several session middlewares wrap it, and {named}; add `.with::<{asked}>()` to the `schemas` of the middleware that `{asked}` belongs to, and to no other"
    ));
    if let Some(left_out) = LINES.due() {
        tracing::error!(%error, left_out, "a handler asked for a state that may be of several sessions");
    }
    error
}

/// The last segment of a path: the author of `shop::Shop` calls it `Shop`.
pub(super) fn short(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

/// What the innermost middleware attached.
pub(super) fn attached<T>(request: &HttpRequest) -> Result<Attached, Error> {
    let attached = request.extensions().get::<Attached>().cloned();
    attached.ok_or_else(|| missing::<T>(request.path()))
}
