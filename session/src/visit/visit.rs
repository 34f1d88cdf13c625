//! One request's session: what was loaded, what the handlers did since, and the commit.
//!
//! In: the request's cookie, operations of the handles. Out: the state that handles read, and what the response must carry.
//! Never: a rule. What a commit does is decided in `commit`, what an operation means in `patch`.

use std::{
    cell::{Cell, OnceCell, RefCell},
    panic::Location,
    rc::Rc,
};

use actix_web::http::header::{HeaderMap, HeaderValue};

use super::shared::App;
use crate::{
    commit::{
        arrival::{Arrival, Base, base_of},
        fold::Fold,
        operation::{Operation, Recorded, schema_name},
        step::CookieAction,
    },
    error::Error,
    handle::state::{self, SessionState},
    http::cookie::{self, Reading},
    id::{public::PublicId, session_id::SessionId},
    record::{apply::Record, meta::Principal, time::Timestamp},
    schema::{
        describe::{Field, Schema},
        schemas::one_principal,
    },
};

/// One request's session. Handles share it; the middleware holds it until the response.
pub(crate) struct Visit {
    pub(crate) app: Rc<App>,
    /// Changes whenever what handles read may have changed.
    stamp: Cell<u64>,
    pub(crate) loading: tokio::sync::OnceCell<Result<(), Error>>,
    pub(crate) committing: tokio::sync::Mutex<()>,
    /// Closures run again: nothing is recorded.
    pub(crate) replaying: Cell<bool>,
    pub(crate) inner: RefCell<Inner>,
}

pub(crate) struct Inner {
    pub(crate) arrival: Arrival,
    /// A commit stored this session, but what else is in its record is not known: load it before the next commit.
    pub(crate) stale: Option<SessionId>,
    pub(crate) schemas: Vec<&'static Schema>,
    pub(crate) operations: Vec<Rc<Recorded>>,
    /// Raised by `discard`: a commit that is under way then no longer knows these operations.
    pub(crate) discards: u64,
    pub(crate) fold: Fold,
    /// What keeps this request from being saved.
    pub(crate) fault: Option<Error>,
    /// Extractions that failed; one that nobody looked at answers the request.
    pub(crate) refused: Vec<Error>,
    pub(crate) cookie: CookieAction,
    pub(crate) saved_before: bool,
    pub(crate) head_sent: bool,
}

impl Visit {
    pub(crate) fn new(app: Rc<App>) -> Rc<Self> {
        Rc::new(Self {
            app,
            stamp: Cell::new(0),
            loading: tokio::sync::OnceCell::new(),
            committing: tokio::sync::Mutex::new(()),
            replaying: Cell::new(false),
            inner: RefCell::new(Inner {
                arrival: Arrival::Nobody,
                stale: None,
                schemas: Vec::new(),
                operations: Vec::new(),
                discards: 0,
                fold: Fold::default(),
                fault: None,
                refused: Vec::new(),
                cookie: CookieAction::Keep,
                saved_before: false,
                head_sent: false,
            }),
        })
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    // ── loading ──

    /// Whether anybody looked at the session: the response then varies by cookie.
    pub(crate) fn is_consulted(&self) -> bool {
        self.loading.initialized()
    }

    /// What the load said, if it is done.
    pub(crate) fn loaded(&self) -> Option<Result<(), Error>> {
        self.loading.get().cloned()
    }

    /// What the request's cookies say.
    pub(crate) fn cookies(&self, headers: &HeaderMap) -> Reading {
        cookie::read(headers, self.app.cookie.name(), &self.app.keys)
    }

    /// Keeps a failed extraction in mind: it answers the request unless somebody looks at it.
    pub(crate) fn refuse(&self, error: &Error) {
        self.inner.borrow_mut().refused.push(error.clone());
    }

    pub(crate) fn unacknowledged(&self) -> Option<Error> {
        self.inner.borrow().refused.iter().find(|error| !error.is_acknowledged()).cloned()
    }

    /// A schema is used in this request.
    pub(crate) fn register<T: SessionState>(&self) -> Result<(), Error> {
        self.app.met.meet::<T>()?;
        let schema = T::schema();
        let mut inner = self.inner.borrow_mut();
        if inner.schemas.iter().any(|known| std::ptr::eq(*known, schema)) {
            return Ok(());
        }
        if let Some(field) = schema.principal() {
            let other = inner.schemas.iter().find_map(|known| known.principal()).map(Field::wire_key);
            let stored = inner.fold.principal.as_ref().map(Principal::wire_key);
            one_principal(Some(field.wire_key()), other.or(stored))?;
        }
        inner.schemas.push(schema);
        Ok(())
    }

    // ── reading ──

    pub(crate) fn stamp(&self) -> u64 {
        self.stamp.get()
    }

    pub(crate) fn changed(&self) {
        self.stamp.set(self.stamp.get() + 1);
    }

    /// The state as of now. A failure answers the request.
    pub(crate) fn read<T: SessionState>(&self) -> Result<T, Error> {
        self.decoded(false)
    }

    /// The same for a new handle, which tells of what cannot be read.
    pub(crate) fn read_first<T: SessionState>(&self) -> Result<T, Error> {
        self.decoded(true)
    }

    fn decoded<T: SessionState>(&self, tells: bool) -> Result<T, Error> {
        let read = {
            let inner = self.inner.borrow();
            state::decode::<T>(inner.fold.view(inner.base()), tells)
        };
        read.inspect_err(|error| self.refuse(error))
    }

    /// The session's record, while the request has not left it.
    pub(crate) fn read_record<R>(&self, read: impl FnOnce(&Record, Timestamp) -> R) -> Option<R> {
        let inner = self.inner.borrow();
        if let Arrival::Unreadable(_) = inner.arrival {
            drop(inner);
            if let Some(Err(error)) = self.loaded() {
                self.refuse(&error);
            }
            return None;
        }
        let base = inner.base();
        base.record.filter(|_| !inner.fold.left).map(|record| read(record, base.now))
    }

    pub(crate) fn fold<R>(&self, read: impl FnOnce(&Fold) -> R) -> R {
        read(&self.inner.borrow().fold)
    }

    /// The response begins, and carries no cookie of ours.
    pub(crate) fn close_head(&self) {
        self.inner.borrow_mut().head_sent = true;
    }

    /// The `Set-Cookie` that the response must carry. From here on no other can be sent.
    pub(crate) fn send_head(&self) -> Option<HeaderValue> {
        let mut inner = self.inner.borrow_mut();
        inner.head_sent = true;
        match &inner.cookie {
            CookieAction::Keep => None,
            CookieAction::Remove => Some(cookie::remove(&self.app.cookie)),
            CookieAction::Set { id, max_age } => {
                let value = id.to_cookie(self.app.cookie.name(), &self.app.keys);
                cookie::set(&self.app.cookie, &value, *max_age)
                    .inspect_err(|error| tracing::error!(%error, "the session cookie could not be written"))
                    .ok()
            }
        }
    }

    /// What lists and logs call the session by.
    pub(crate) fn public_id(&self) -> Option<PublicId> {
        let inner = self.inner.borrow();
        match (&inner.stale, &inner.arrival) {
            (Some(id), _) => Some(PublicId::of(id.selector)),
            (None, Arrival::Live(id, _)) if !inner.fold.left => Some(PublicId::of(id.selector)),
            _ => None,
        }
    }
}

impl Inner {
    pub(crate) fn base(&self) -> Base<'_> {
        base_of(&self.arrival)
    }

    pub(crate) fn push(&mut self, operation: Operation, at: &'static Location<'static>) {
        self.operations.push(Rc::new(Recorded { operation, lost: OnceCell::new(), at }));
    }
}

impl Drop for Visit {
    /// Writes of a handle that outlived the response are loud.
    fn drop(&mut self) {
        let inner = self.inner.get_mut();
        if !inner.head_sent {
            return;
        }
        for recorded in &inner.operations {
            tracing::error!(
                schema = schema_name(recorded),
                file = recorded.at.file(),
                line = recorded.at.line(),
                "a session was changed after the response began, and the change is lost; call `session.save().await` after it"
            );
        }
    }
}
