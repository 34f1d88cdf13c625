//! Work that goes on once it has begun, whoever waits for it, or nobody.
//!
//! In: work that has not begun. Out: its outcome, to everyone who waits. Never: work that nobody asked for.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll},
    time::Duration,
};

use actix_web::rt;
use futures_util::future::{FutureExt, LocalBoxFuture, join_all};
use tokio::runtime::Builder;

use super::{
    common::{Common, Keeper},
    ongoing::{Counted, Ongoing},
    shared::Shared,
};
use crate::{error::Error, sparse::Sparse};

/// Work that has begun.
pub(crate) type Begun<T> = Common<Result<T, Error>>;

/// A future whose work begins with the first poll, and then belongs to the worker.
///
/// actix drops a request's future when the client resets the connection, and half a commit is worse than a whole one. A handler may
/// also keep the future without polling it, while others wait for what the work holds.
pub(crate) struct RunToEnd<T: Clone + 'static> {
    state: State<T>,
    ongoing: Ongoing,
    /// The longest time that a worker which stops spends on it.
    deadline: Duration,
    /// Whether somebody still waits for the outcome, for the worker that has taken the work over.
    is_awaited: Option<Rc<Cell<bool>>>,
}

enum State<T: 'static> {
    New(Box<dyn FnOnce() -> Begun<T>>),
    Begun(Begun<T>),
    Ended,
}

impl<T: Clone + 'static> RunToEnd<T> {
    /// Work that `begin` begins.
    pub(crate) fn new(shared: &Shared, begin: impl FnOnce() -> Begun<T> + 'static) -> Self {
        let (ongoing, deadline) = (shared.ongoing.clone(), shared.rules.deadline);
        Self { state: State::New(Box::new(begin)), ongoing, deadline, is_awaited: None }
    }

    /// Work that waits for nothing else.
    pub(crate) fn of(shared: &Shared, work: impl Future<Output = Result<T, Error>> + 'static) -> Self {
        Self::new(shared, || Common::new(work))
    }
}

impl<T: Clone + 'static> Future for RunToEnd<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (mut work, is_first) = match std::mem::replace(&mut self.state, State::Ended) {
            State::New(begin) => (begin(), true),
            State::Begun(work) => (work, false),
            State::Ended => return Poll::Pending,
        };
        let polled = work.poll_unpin(context);
        if polled.is_pending() {
            if is_first && can_spawn() {
                let is_awaited = self.is_awaited.insert(Rc::new(Cell::new(true))).clone();
                let driven = Driven::new(&work, self.deadline, self.ongoing.count());
                rt::spawn(drive(driven, is_awaited));
            }
            self.state = State::Begun(work);
        }
        polled
    }
}

impl<T: Clone + 'static> Drop for RunToEnd<T> {
    fn drop(&mut self) {
        if let Some(is_awaited) = &self.is_awaited {
            is_awaited.set(false);
        }
    }
}

/// What a worker does with work that it has taken over.
async fn drive<T: Clone + 'static>(mut driven: Driven<T>, is_awaited: Rc<Cell<bool>>) {
    static LINES: Sparse = Sparse::new();
    if let Err(error) = poll_fn(|context| driven.keeper.poll_unpin(context)).await
        && !is_awaited.get()
        && let Some(left_out) = LINES.due()
    {
        tracing::error!(%error, left_out, "a session could not be saved; the client has gone, so nobody was told");
    }
}

thread_local! {
    /// The work that this worker drives, by number.
    static DRIVEN: RefCell<HashMap<u64, LocalBoxFuture<'static, ()>>> = RefCell::default();
}

/// Work that a worker drives.
struct Driven<T: Clone + 'static> {
    number: u64,
    work: Begun<T>,
    keeper: Keeper<Result<T, Error>>,
    deadline: Duration,
    _counted: Counted,
}

impl<T: Clone + 'static> Driven<T> {
    fn new(work: &Begun<T>, deadline: Duration, counted: Counted) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let (work, keeper, ended) = (work.clone(), work.keep(), work.clone());
        // When this is polled, no task runs any more that could keep the work.
        let ended = async move {
            ended.leave();
            drop(ended.await);
        };
        DRIVEN.with_borrow_mut(|driven| driven.insert(number, ended.boxed_local()));
        Self { number, work, keeper, deadline, _counted: counted }
    }
}

impl<T: Clone + 'static> Drop for Driven<T> {
    /// A worker that stops does not wait for requests whose clients are gone, and drops its tasks. Their work is finished here: all of
    /// it together, because one may wait for what another holds.
    fn drop(&mut self) {
        let known = DRIVEN.try_with(|driven| driven.borrow_mut().remove(&self.number));
        if self.work.is_done() || std::thread::panicking() {
            return;
        }
        let others = DRIVEN.try_with(RefCell::take).unwrap_or_default().into_values();
        let all = known.ok().flatten().into_iter().chain(others);
        // Where a runtime cannot be begun, because another one is being driven on this thread, `block_on` panics.
        drop(catch_unwind(AssertUnwindSafe(|| finish(join_all(all), self.deadline))));
        if !self.work.is_done() {
            tracing::error!("a worker stopped before a session of a client that has gone could be saved");
        }
    }
}

/// Drives work on this thread, for at most `longest`, in a runtime of its own: the one that it began in does not run any more.
fn finish(work: impl Future, longest: Duration) {
    if let Ok(runtime) = Builder::new_current_thread().enable_all().build() {
        drop(runtime.block_on(async { tokio::time::timeout(longest, work).await }));
    }
}

/// Whether a future can run beside the request. It can in an actix worker, under `#[actix_web::main]` and `#[tokio::main]` alike.
/// Elsewhere, such as in a `#[tokio::test]`, work goes on only while somebody waits for it.
fn can_spawn() -> bool {
    // A task that polls what cannot be sent to another thread is a local one, so it can spawn others.
    rt::System::is_registered() || tokio::task::try_id().is_some()
}

/// Runs a future beside the request, where that can be done.
pub(super) fn spawn(future: impl Future<Output = ()> + 'static) {
    if can_spawn() {
        rt::spawn(future);
    }
}
