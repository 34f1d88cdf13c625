//! Work that goes on once it has begun, whoever waits for it, or nobody.
//!
//! In: work that has not begun. Out: its outcome, to everyone who waits. Never: work that nobody asked for.

use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::rt;
use futures_util::future::{FutureExt, LocalBoxFuture, Shared};

use crate::error::Error;

/// Work that has begun. Whoever waits for it drives it, and everyone gets its outcome.
pub(crate) type Begun<T> = Shared<LocalBoxFuture<'static, Result<T, Error>>>;

/// A future whose work begins with the first poll, and then belongs to the worker.
///
/// actix drops a request's future when the client resets the connection, and half a commit is worse than a whole one. A handler may
/// also keep the future without polling it, while others wait for what the work holds.
pub(crate) struct RunToEnd<T: 'static> {
    state: State<T>,
    /// Whether somebody still waits for the outcome.
    is_awaited: Rc<Cell<bool>>,
}

enum State<T: 'static> {
    New(Box<dyn FnOnce() -> Begun<T>>),
    Begun(Begun<T>),
    Ended,
}

impl<T: Clone + 'static> RunToEnd<T> {
    /// Work that `begin` begins.
    pub(crate) fn new(begin: impl FnOnce() -> Begun<T> + 'static) -> Self {
        Self { state: State::New(Box::new(begin)), is_awaited: Rc::new(Cell::new(true)) }
    }

    /// Work that waits for nothing else.
    pub(crate) fn of(work: impl Future<Output = Result<T, Error>> + 'static) -> Self {
        Self::new(|| work.boxed_local().shared())
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
            if is_first {
                hand_over(work.clone(), self.is_awaited.clone());
            }
            self.state = State::Begun(work);
        }
        polled
    }
}

impl<T: 'static> Drop for RunToEnd<T> {
    fn drop(&mut self) {
        self.is_awaited.set(false);
    }
}

/// Lets the worker drive the work from now on.
fn hand_over<T: Clone + 'static>(work: Begun<T>, is_awaited: Rc<Cell<bool>>) {
    spawn(async move {
        if let Err(error) = work.await
            && !is_awaited.get()
        {
            tracing::error!(%error, "a session could not be saved; the client has gone, so nobody was told");
        }
    });
}

/// Runs a future beside the request, where that can be done: in an actix worker, under `#[actix_web::main]` and `#[tokio::main]`
/// alike. Elsewhere, such as in a `#[tokio::test]`, the work goes on only while somebody waits for it.
pub(super) fn spawn(future: impl Future<Output = ()> + 'static) {
    // A task that polls what cannot be sent to another thread is a local one, so that it can spawn others.
    if rt::System::is_registered() || tokio::task::try_id().is_some() {
        rt::spawn(future);
    }
}
