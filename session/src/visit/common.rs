//! Work for which several wait.
//!
//! In: a future. Out: its outcome, to everyone who waits. Never: polls the future before something has woken it.
//!
//! `futures_util::future::Shared` does the same, but wakes everyone at each step, and once more whoever has just got the outcome. Who waits
//! here is the task of a connection, and each look at that costs more than most steps of the work.

use std::{
    cell::RefCell,
    future::Future,
    mem,
    pin::Pin,
    rc::{Rc, Weak},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::future::{FutureExt as _, LocalBoxFuture};

#[cfg(test)]
mod tests;

/// A part in the work. It goes on while somebody polls one of them, or its [`Keeper`].
pub(crate) struct Common<T>(Rc<Work<T>>);

/// Finds work of which somebody else still has a part.
pub(super) struct WeakCommon<T>(Weak<Work<T>>);

/// Whoever drives the work, so that the others wait for its outcome alone. There is one at most.
pub(super) struct Keeper<T>(Common<T>);

struct Work<T> {
    state: RefCell<State<T>>,
    waiting: Arc<Waiting>,
    /// That of `waiting`.
    waker: Waker,
}

enum State<T> {
    UnderWay(LocalBoxFuture<'static, T>),
    /// Somebody polls it at this moment.
    Polled,
    Done(T),
    Panicked,
}

struct Waiting {
    /// Whether the future has been woken since it was polled.
    is_woken: AtomicBool,
    wakers: Mutex<Wakers>,
}

#[derive(Default)]
struct Wakers {
    keeper: Option<Waker>,
    others: Vec<Waker>,
}

impl Waiting {
    fn wakers(&self) -> MutexGuard<'_, Wakers> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_all(&self, but: Option<&Waker>) {
        let Wakers { keeper, others } = mem::take(&mut *self.wakers());
        let all = keeper.into_iter().chain(others);
        all.filter(|waker| but.is_none_or(|but| !waker.will_wake(but))).for_each(Waker::wake);
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        let keeper = self.wakers().keeper.clone();
        match keeper {
            Some(keeper) => keeper.wake(),
            None => self.wake_all(None),
        }
    }
}

impl<T: Clone> Common<T> {
    pub(crate) fn new(work: impl Future<Output = T> + 'static) -> Self {
        let waiting = Arc::new(Waiting { is_woken: AtomicBool::new(true), wakers: Mutex::default() });
        let waker = Waker::from(waiting.clone());
        Self(Rc::new(Work { state: RefCell::new(State::UnderWay(work.boxed_local())), waiting, waker }))
    }

    pub(super) fn downgrade(&self) -> WeakCommon<T> {
        WeakCommon(Rc::downgrade(&self.0))
    }
}

impl<T> Common<T> {
    pub(super) fn is_done(&self) -> bool {
        matches!(*self.0.state.borrow(), State::Done(_))
    }

    pub(super) fn keep(&self) -> Keeper<T> {
        Keeper(self.clone())
    }

    /// Nobody keeps the work any more: who waits drives it, and is woken, because the keeper may have been woken in vain.
    pub(super) fn leave(&self) {
        self.0.waiting.is_woken.store(true, Ordering::SeqCst);
        let keeper = self.0.waiting.wakers().keeper.take();
        if keeper.is_some() {
            self.0.waiting.wake_all(None);
        }
    }
}

impl<T: Clone> Work<T> {
    fn poll(&self, context: &Context<'_>, wait: impl FnOnce(&mut Wakers, &Waker)) -> Poll<T> {
        let is_polled = match &*self.state.borrow() {
            State::UnderWay(_) => false,
            State::Polled => true,
            State::Done(outcome) => return Poll::Ready(outcome.clone()),
            #[allow(clippy::panic)] // as the work did
            State::Panicked => panic!("what this waits for has panicked"),
        };
        wait(&mut self.waiting.wakers(), context.waker());
        // Whoever wakes the future after this finds the waker.
        if is_polled || !self.waiting.is_woken.swap(false, Ordering::SeqCst) {
            return Poll::Pending;
        }
        let State::UnderWay(mut work) = self.state.replace(State::Polled) else { return Poll::Pending };
        let panicking = Panicking(self);
        let polled = work.poll_unpin(&mut Context::from_waker(&self.waker));
        mem::forget(panicking);
        match polled {
            Poll::Pending => {
                self.state.replace(State::UnderWay(work));
                Poll::Pending
            }
            Poll::Ready(outcome) => {
                self.state.replace(State::Done(outcome.clone()));
                self.waiting.wake_all(Some(context.waker()));
                Poll::Ready(outcome)
            }
        }
    }
}

/// Tells those who wait if the future panics.
struct Panicking<'a, T>(&'a Work<T>);

impl<T> Drop for Panicking<'_, T> {
    fn drop(&mut self) {
        self.0.state.replace(State::Panicked);
        self.0.waiting.wake_all(None);
    }
}

impl<T: Clone> Future for Common<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.0.poll(context, |wakers, waker| {
            if !wakers.others.iter().any(|other| other.will_wake(waker)) {
                wakers.others.push(waker.clone());
            }
        })
    }
}

impl<T: Clone> Future for Keeper<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut before = None;
        self.0.0.poll(context, |wakers, waker| before = wakers.keeper.replace(waker.clone()))
    }
}

impl<T> Drop for Keeper<T> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl<T> Clone for Common<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> WeakCommon<T> {
    pub(super) fn upgrade(&self) -> Option<Common<T>> {
        self.0.upgrade().map(Common)
    }
}
