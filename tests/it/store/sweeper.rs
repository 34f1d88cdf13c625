//! The sweeping task: when it sweeps, what it logs, and how it ends. Time is tokio's own, and moves only with its timers.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_typed_session::{
    change::{Change, NewRecord},
    id::Selector,
    record::Principal,
    store::{
        AnyStore, Created, Loaded, MemoryStore, SessionStore, StoreError, StoreErrorKind, Sweep, Sweeper,
        Updated,
    },
};
use tokio::time::{Instant, sleep};
use tracing::Level;

use crate::flow::logged::Logged;

const EVERY: Duration = Duration::from_mins(1);

/// Answers its sweeps from a list, then with nothing to sweep, and notes when they came.
#[derive(Clone)]
struct Scripted {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<Instant>>>,
    records: MemoryStore,
}

#[derive(Clone, Copy)]
enum Answer {
    /// As many as the limit of the call.
    Full,
    Some(u32),
    Fails,
    Panics,
    Never,
}

impl Scripted {
    fn new(answers: &[Answer]) -> Self {
        let answers = Arc::new(Mutex::new(answers.iter().copied().collect()));
        Self { answers, asked: Arc::default(), records: MemoryStore::unbounded() }
    }

    /// When each sweep began, in milliseconds since `begun`.
    fn pauses(&self, begun: Instant) -> Vec<u128> {
        let mut last = begun;
        let pause = |at: &Instant| at.duration_since(std::mem::replace(&mut last, *at)).as_millis();
        self.asked.lock().unwrap().iter().map(pause).collect()
    }
}

impl SessionStore for Scripted {
    async fn load(&self, selector: &Selector) -> Result<Option<Loaded>, StoreError> {
        self.records.load(selector).await
    }

    async fn create(&self, selector: &Selector, record: &NewRecord) -> Result<Created, StoreError> {
        self.records.create(selector, record).await
    }

    async fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        self.records.update(selector, change).await
    }

    async fn delete(&self, selector: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        self.records.delete(selector, only_if).await
    }
}

impl Sweep for Scripted {
    async fn sweep(&self, limit: u32) -> Result<u32, StoreError> {
        self.asked.lock().unwrap().push(Instant::now());
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Answer::Some(0));
        match answer {
            Answer::Full => Ok(limit),
            Answer::Some(swept) => Ok(swept),
            Answer::Fails => Err(StoreError::new(StoreErrorKind::Unavailable)),
            Answer::Panics => panic!("a store that panics"),
            Answer::Never => std::future::pending().await,
        }
    }
}

/// Whether a pause is within a fifth of the expected one.
fn about(seen: u128, expected: Duration) {
    let expected = expected.as_millis();
    assert!(
        (expected * 8 / 10..=expected * 12 / 10 + 5).contains(&seen),
        "{seen} ms, not about {expected} ms"
    );
}

#[tokio::test(start_paused = true)]
async fn full_batches_follow_each_other_and_pauses_come_between() {
    let (logged, _guard) = Logged::here();
    let store =
        Scripted::new(&[Answer::Some(0), Answer::Full, Answer::Full, Answer::Some(7), Answer::Some(0)]);
    let begun = Instant::now();
    let sweeper = Sweeper::spawn(store.clone(), EVERY);
    sleep(EVERY * 4).await;
    sweeper.stop().await;
    let pauses = store.pauses(begun);
    about(pauses[0], EVERY);
    about(pauses[1], EVERY);
    // A short pause for live traffic, then the next batch.
    assert!(pauses[2..4].iter().all(|pause| (1..=500).contains(pause)), "{pauses:?}");
    about(pauses[4], EVERY);
    // What was swept is an event of the store.
    assert_eq!(logged.text(), "");
}

#[tokio::test(start_paused = true)]
async fn errors_make_the_pauses_longer_and_are_logged_once() {
    let (logged, _guard) = Logged::here();
    let mut answers = vec![Answer::Fails; 6];
    answers.extend([Answer::Some(1), Answer::Some(0), Answer::Fails]);
    let store = Scripted::new(&answers);
    let begun = Instant::now();
    let sweeper = Sweeper::spawn(store.clone(), EVERY);
    sleep(Duration::from_hours(1)).await;
    let pauses = store.pauses(begun);
    let minutes = [1, 2, 4, 5, 5, 5, 5, 1, 1, 2];
    for (seen, minutes) in pauses.iter().zip(minutes) {
        about(*seen, Duration::from_mins(minutes));
    }
    assert!(pauses.len() > minutes.len());
    // Two streaks of failures, both of which ended.
    assert_eq!((logged.count(Level::WARN), logged.count(Level::INFO)), (2, 2), "{}", logged.text());
    sweeper.stop().await;
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_it_is_stopped_or_dropped_or_its_store_panics() {
    // Stopped while it sleeps, and while a sweep does not return.
    for answers in [vec![], vec![Answer::Never]] {
        let store = Scripted::new(&answers);
        let sweeper = Sweeper::spawn(store.clone(), EVERY);
        sleep(EVERY * 2).await;
        let stopped = Instant::now();
        sweeper.stop().await;
        assert!(stopped.elapsed() < Duration::from_secs(1));
        let asked = store.asked.lock().unwrap().len();
        sleep(EVERY * 10).await;
        assert_eq!(store.asked.lock().unwrap().len(), asked);
    }
    let store = Scripted::new(&[]);
    drop(Sweeper::spawn(store.clone(), EVERY));
    sleep(EVERY * 10).await;
    assert_eq!(store.asked.lock().unwrap().len(), 0);
    // The panic does not leave the task.
    let sweeper = Sweeper::spawn(Scripted::new(&[Answer::Panics]), EVERY);
    sleep(EVERY * 2).await;
    assert!(format!("{sweeper:?}").contains("ended: true"));
    sweeper.stop().await;
}

/// A store that is chosen at run time can always be given to a sweeper.
#[tokio::test(start_paused = true)]
async fn a_sweeper_of_a_store_that_cannot_sweep_ends() {
    let store = Scripted::new(&[]);
    let sweeper = Sweeper::spawn(AnyStore::new(store.clone()), EVERY);
    sleep(2 * EVERY).await;
    assert!(format!("{sweeper:?}").contains("ended: true"), "{sweeper:?}");
    assert!(store.asked.lock().unwrap().is_empty());
}
