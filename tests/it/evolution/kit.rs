//! The kit of the evolution tests: requests of one browser to binaries of several versions, which share a store.

use std::{
    cell::{Cell, RefCell},
    fmt::Write as _,
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_typed_session::{
    Error, ErrorKind, Key, SessionMiddleware, SessionState, TypedSession,
    change::{CellWrite, Change, NewRecord},
    id::Selector,
    record::{Json, Principal, Record},
    store::{AnyStore, Created, Loaded, SessionStore, StoreError, Updated},
};
use actix_web::{
    App, FromRequest, Handler, Responder,
    dev::Service as _,
    http::header::{COOKIE, SET_COOKIE},
    test::{TestRequest, init_service},
    web,
};

/// A store that records its calls.
#[derive(Clone)]
struct Watched {
    inner: AnyStore,
    book: Arc<Mutex<Book>>,
}

#[derive(Default)]
struct Book {
    last: Option<Selector>,
    updates: Vec<Change>,
    conflicts: usize,
    /// A change of another request, to be applied just before the next update.
    before: Option<Change>,
}

impl SessionStore for Watched {
    async fn load(&self, key: &Selector) -> Result<Option<Loaded>, StoreError> {
        self.inner.load(key).await
    }

    async fn create(&self, key: &Selector, record: &NewRecord) -> Result<Created, StoreError> {
        self.book.lock().unwrap().last = Some(*key);
        self.inner.create(key, record).await
    }

    async fn update(&self, key: &Selector, change: &Change) -> Result<Updated, StoreError> {
        let before = {
            let mut book = self.book.lock().unwrap();
            book.updates.push(change.clone());
            book.before.take()
        };
        if let Some(before) = before {
            self.inner.update(key, &before).await?;
        }
        let updated = self.inner.update(key, change).await?;
        self.book.lock().unwrap().conflicts += usize::from(matches!(updated, Updated::Conflict(_)));
        Ok(updated)
    }

    async fn delete(&self, key: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        self.inner.delete(key, only_if).await
    }
}

/// A deadline that no request reaches, even on a busy machine.
const PATIENT: Duration = Duration::from_secs(20);

/// One browser, and the store that all binaries share.
pub(super) struct World {
    store: Watched,
    pub(super) cookie: RefCell<Option<String>>,
}

/// A request that was answered with an error: its status, and the kind of the error if the extraction of the state failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Refused(pub(super) u16, pub(super) Option<ErrorKind>);

/// The answer of a binary that is too old.
pub(super) const TOO_NEW: Refused = Refused(503, Some(ErrorKind::SchemaTooNew));
pub(super) const UNREADABLE: Refused = Refused(500, Some(ErrorKind::UnreadableField));

impl World {
    pub(super) fn on(store: AnyStore) -> Self {
        Self { store: Watched { inner: store, book: Arc::default() }, cookie: RefCell::new(None) }
    }

    /// Another tab of the same browser, with a record of calls of its own.
    pub(super) fn twin(&self) -> Self {
        let book = Book { last: self.store.book.lock().unwrap().last, ..Book::default() };
        let store = Watched { inner: self.store.inner.clone(), book: Arc::new(Mutex::new(book)) };
        Self { store, cookie: self.cookie.clone() }
    }

    /// Sends a request to a binary whose state is `T`.
    pub(super) async fn visit<T: SessionState, R: 'static>(
        &self,
        job: impl AsyncFnOnce(&mut TypedSession<T>) -> R + 'static,
    ) -> Result<R, Refused> {
        let (job, made, kind) =
            (Rc::new(Cell::new(Some(job))), Rc::new(Cell::new(None)), Rc::new(Cell::new(None)));
        let (give, why) = (made.clone(), kind.clone());
        let handler = move |taken: Result<TypedSession<T>, Error>| {
            let (job, give, why) = (job.clone(), give.clone(), why.clone());
            async move {
                let mut state = taken.inspect_err(|error| why.set(Some(error.kind())))?;
                give.set(Some(job.take().unwrap()(&mut state).await));
                Ok::<_, Error>("")
            }
        };
        match self.answer(handler).await {
            200 => Ok(made.take().unwrap()),
            status => Err(Refused(status, kind.get())),
        }
    }

    /// Sends a request to any handler, and returns the status of the answer.
    pub(super) async fn answer<F, Args>(&self, handler: F) -> u16
    where
        F: Handler<Args, Output: Responder + 'static>,
        Args: FromRequest + 'static,
    {
        let key = Key::try_from(b"0123456789abcdef0123456789abcdef".as_slice()).unwrap();
        let sessions = SessionMiddleware::builder(self.store.clone(), key)
            .max_record_bytes(1 << 20)
            .load_deadline(PATIENT)
            .save_deadline(PATIENT)
            .build()
            .unwrap();
        let app = init_service(App::new().wrap(sessions).default_service(web::to(handler))).await;
        let mut request = TestRequest::default();
        if let Some(cookie) = &*self.cookie.borrow() {
            request = request.insert_header((COOKIE, cookie.as_str()));
        }
        let response = app.call(request.to_request()).await.unwrap();
        if let Some(line) = response.headers().get(SET_COOKIE) {
            let pair = line.to_str().unwrap().split(';').next().unwrap().to_owned();
            *self.cookie.borrow_mut() = Some(pair).filter(|pair| !pair.ends_with('='));
        }
        response.status().as_u16()
    }

    /// The stored record; `None` if the session has ended.
    pub(super) async fn record(&self) -> Option<Arc<Record>> {
        let key = self.store.book.lock().unwrap().last?;
        self.store.inner.load(&key).await.unwrap().map(|loaded| loaded.record)
    }

    /// Every cell as `shop.cart r5 [11]`, one per line.
    pub(super) async fn cells(&self) -> String {
        let mut text = String::new();
        for (key, cell) in self.record().await.iter().flat_map(|record| record.cells()) {
            writeln!(text, "{key} r{} {}", cell.revision, cell.json.as_str()).unwrap();
        }
        text
    }

    /// The JSON text of one cell.
    pub(super) async fn cell(&self, key: &str) -> Option<String> {
        self.record().await?.cell(key).map(|cell| cell.json.as_str().to_owned())
    }

    /// Writes these cells as another request.
    pub(super) async fn write(&self, cells: &[(&str, &str)]) {
        self.change(&writing(cells)).await;
    }

    /// Touches the session: it lives longer, and nothing else changes.
    pub(super) async fn touch(&self) {
        let mut change = Change::default();
        change.touch = true;
        self.change(&change).await;
    }

    async fn change(&self, change: &Change) {
        let key = self.store.book.lock().unwrap().last.unwrap();
        let updated = self.store.inner.update(&key, change).await.unwrap();
        assert!(matches!(updated, Updated::Done { .. }));
    }

    /// Arranges for these cells to be written by another request just before the next update.
    pub(super) fn write_before_next(&self, cells: &[(&str, &str)]) {
        self.store.book.lock().unwrap().before = Some(writing(cells));
    }

    /// The number of updates that conflicted.
    pub(super) fn conflicts(&self) -> usize {
        self.store.book.lock().unwrap().conflicts
    }

    /// The updates that were sent since the last call.
    pub(super) fn updates(&self) -> Vec<Change> {
        std::mem::take(&mut self.store.book.lock().unwrap().updates)
    }
}

fn writing(cells: &[(&str, &str)]) -> Change {
    let mut change = Change::default();
    change.write =
        cells.iter().map(|(key, json)| CellWrite::new((*key).into(), Json::from_store(json))).collect();
    change
}
