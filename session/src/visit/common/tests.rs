#![allow(clippy::unwrap_used)] // a test that cannot go on fails

use std::{
    cell::Cell,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::AtomicUsize,
};

use super::*;

/// Counts how often it is woken.
#[derive(Default)]
struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Polling {
    task: Arc<Task>,
    waker: Waker,
}

impl Polling {
    fn new() -> Self {
        let task = Arc::new(Task::default());
        Self { waker: Waker::from(task.clone()), task }
    }

    fn poll<F: Future + Unpin>(&self, future: &mut F) -> Poll<F::Output> {
        future.poll_unpin(&mut Context::from_waker(&self.waker))
    }

    fn woken(&self) -> usize {
        self.task.0.swap(0, Ordering::SeqCst)
    }
}

/// Work of so many steps, each of which begins when it is woken.
struct Steps {
    left: Cell<usize>,
    polled: Cell<usize>,
    waker: RefCell<Option<Waker>>,
}

impl Steps {
    fn of(steps: usize) -> (Rc<Self>, Common<&'static str>) {
        let steps = Rc::new(Self { left: Cell::new(steps), polled: Cell::new(0), waker: RefCell::default() });
        let work = steps.clone();
        let common = Common::new(poll_fn(move |context| {
            work.polled.set(work.polled.get() + 1);
            *work.waker.borrow_mut() = Some(context.waker().clone());
            match work.left.get() {
                0 => Poll::Ready("done"),
                left => {
                    work.left.set(left - 1);
                    Poll::Pending
                }
            }
        }));
        (steps, common)
    }

    fn wake(&self) {
        self.waker.borrow().as_ref().unwrap().wake_by_ref();
    }
}

#[test]
fn work_is_polled_only_when_it_was_woken_and_its_outcome_wakes_only_who_has_not_got_it() {
    let (steps, mut common) = Steps::of(1);
    let (first, second, mut other) = (Polling::new(), Polling::new(), common.clone());
    for _ in 0..3 {
        assert!(first.poll(&mut common).is_pending());
        assert!(second.poll(&mut other).is_pending());
    }
    assert_eq!(steps.polled.get(), 1);
    steps.wake();
    assert_eq!((first.woken(), second.woken()), (1, 1));
    assert_eq!(first.poll(&mut common), Poll::Ready("done"));
    assert_eq!((first.woken(), second.woken()), (0, 0), "the second was woken already");
    assert_eq!(second.poll(&mut other), Poll::Ready("done"));
    assert_eq!((steps.polled.get(), second.woken()), (2, 0));
    assert_eq!(Polling::new().poll(&mut other.clone()), Poll::Ready("done"));
}

#[test]
fn who_waits_beside_a_keeper_is_woken_by_the_outcome_alone() {
    let (steps, mut common) = Steps::of(3);
    let (waits, keeps, mut keeper) = (Polling::new(), Polling::new(), common.keep());
    assert!(waits.poll(&mut common).is_pending());
    assert!(keeps.poll(&mut keeper).is_pending());
    for _ in 0..2 {
        steps.wake();
        assert_eq!((waits.woken(), keeps.woken()), (0, 1));
        assert!(keeps.poll(&mut keeper).is_pending());
    }
    steps.wake();
    assert_eq!(keeps.woken(), 1);
    assert_eq!(keeps.poll(&mut keeper), Poll::Ready("done"));
    assert_eq!((waits.woken(), keeps.woken()), (1, 0));
    assert_eq!(waits.poll(&mut common), Poll::Ready("done"));
}

#[test]
fn who_waits_drives_the_work_when_its_keeper_is_gone() {
    let (steps, mut common) = Steps::of(2);
    let (waits, keeps, mut keeper) = (Polling::new(), Polling::new(), common.keep());
    assert!(waits.poll(&mut common).is_pending());
    assert!(keeps.poll(&mut keeper).is_pending());
    steps.wake();
    // Its task was dropped before it ran.
    drop(keeper);
    assert_eq!(waits.woken(), 1);
    assert!(waits.poll(&mut common).is_pending());
    assert_eq!(steps.polled.get(), 2);
    steps.wake();
    assert_eq!(waits.woken(), 1);
    assert_eq!(waits.poll(&mut common), Poll::Ready("done"));
}

#[test]
fn work_that_waits_for_itself_waits_for_ever_and_does_no_harm() {
    let itself: Rc<RefCell<Option<Common<()>>>> = Rc::default();
    let within = itself.clone();
    let mut common = Common::new(poll_fn(move |context| {
        let mut part = within.borrow().clone().unwrap();
        part.poll_unpin(context)
    }));
    *itself.borrow_mut() = Some(common.clone());
    let waits = Polling::new();
    assert!(waits.poll(&mut common).is_pending());
    assert!(waits.poll(&mut common).is_pending());
    itself.borrow_mut().take();
}

#[test]
fn a_panic_reaches_everyone_who_waits() {
    let is_first = Cell::new(true);
    let mut common: Common<()> = Common::new(poll_fn(move |_| {
        assert!(is_first.replace(false), "the work has panicked");
        Poll::Pending
    }));
    let (first, second, mut other) = (Polling::new(), Polling::new(), common.clone());
    assert!(second.poll(&mut other).is_pending());
    common.leave();
    assert!(catch_unwind(AssertUnwindSafe(|| first.poll(&mut common))).is_err());
    assert_eq!(second.woken(), 1);
    assert!(catch_unwind(AssertUnwindSafe(|| second.poll(&mut other))).is_err());
}
