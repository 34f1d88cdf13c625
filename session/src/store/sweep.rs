//! Removing what has ended, in engines that do not do so by themselves.
//!
//! In: a store, and how often. Out: a task that sweeps it. Never: a task that gives up, or that hides that it cannot sweep.

use std::{
    fmt,
    future::{Future, poll_fn},
    hash::{BuildHasher, RandomState},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle, time};

use super::{contract::SessionStore, error::StoreError};

/// A store that keeps expired records until they are swept. They read as absent all the time; sweeping only frees their room.
pub trait Sweep: SessionStore {
    /// Deletes at most `limit` expired records; says how many.
    ///
    /// # Errors
    /// When the engine cannot be reached.
    fn sweep(&self, limit: u32) -> impl Future<Output = Result<u32, StoreError>> + Send;
}

impl<S: Sweep> Sweep for Arc<S> {
    async fn sweep(&self, limit: u32) -> Result<u32, StoreError> {
        (**self).sweep(limit).await
    }
}

/// Records at a time: a batch that live traffic does not notice.
const BATCH: u32 = 100;

/// What live traffic gets between two full batches.
const BREATH: Duration = Duration::from_millis(50);

/// As good as never.
const NEVER: Duration = Duration::from_hours(24 * 365 * 100);

/// The longest pause while sweeping fails, unless the usual one is longer.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// A task that sweeps a store. It ends with [`stop`](Self::stop), or soon after this handle is dropped.
///
/// ```
/// use std::time::Duration;
///
/// use actix_typed_session::store::{MemoryStore, Sweeper};
///
/// # #[actix_web::main]
/// # async fn main() {
/// let store = MemoryStore::bounded(100_000);
/// let sweeper = Sweeper::spawn(store.clone(), Duration::from_secs(60));
/// // .. serve ..
/// sweeper.stop().await;
/// # }
/// ```
pub struct Sweeper {
    // Dropped, it ends the task.
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Sweeper {
    /// Sweeps `store` about `every` so long, in batches, for the first time after one such pause. After an error the pauses grow
    /// up to five minutes.
    ///
    /// Needs a tokio runtime with time enabled, as actix-web's are; the task ends with it.
    #[must_use]
    pub fn spawn(store: impl Sweep, every: Duration) -> Self {
        let (stop, mut stopped) = watch::channel(());
        let store = Arc::new(store);
        let task = tokio::spawn(async move {
            let sweeping = keep_sweeping(every, move |limit| {
                let store = store.clone();
                async move { store.sweep(limit).await }
            });
            let (mut sweeping, mut stopped) = (pin!(sweeping), pin!(stopped.changed()));
            poll_fn(|context| {
                let ends =
                    stopped.as_mut().poll(context).is_ready() || sweeping.as_mut().poll(context).is_ready();
                if ends { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        });
        Self { stop, task }
    }

    /// Ends the task, and waits until it has ended. A batch that was under way is done or was not begun, as after a dropped call.
    pub async fn stop(self) {
        drop(self.stop);
        // A task that panicked has ended too.
        let _ = self.task.await;
    }
}

impl fmt::Debug for Sweeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweeper").field("ended", &self.task.is_finished()).finish_non_exhaustive()
    }
}

/// Sweeps for as long as it is polled.
pub(super) async fn keep_sweeping<F>(every: Duration, sweep: impl Fn(u32) -> F)
where
    F: Future<Output = Result<u32, StoreError>>,
{
    let mut failures = 0_u32;
    loop {
        time::sleep(pause(every, failures)).await;
        let (swept, result) = sweep_all(&sweep).await;
        if swept > 0 {
            tracing::debug!(swept, "removed expired sessions");
        }
        match result {
            Ok(()) if failures == 0 => {}
            Ok(()) => {
                tracing::info!(failures, "expired sessions are removed again");
                failures = 0;
            }
            Err(error) => {
                if failures == 0 {
                    tracing::warn!(%error, "expired sessions cannot be removed; trying again");
                }
                failures = failures.saturating_add(1);
            }
        }
    }
}

/// Sweeps until there is nothing left to sweep; how much it was, also when an error came in between.
async fn sweep_all<F>(sweep: &impl Fn(u32) -> F) -> (u64, Result<(), StoreError>)
where
    F: Future<Output = Result<u32, StoreError>>,
{
    let mut all = 0;
    loop {
        match sweep(BATCH).await {
            Ok(swept) => {
                all += u64::from(swept);
                if swept < BATCH {
                    return (all, Ok(()));
                }
            }
            Err(error) => return (all, Err(error)),
        }
        time::sleep(BREATH).await;
    }
}

/// Twice as long after every failure, and never the same for two nodes that started together.
fn pause(every: Duration, failures: u32) -> Duration {
    // None at all would not grow, and a clock does not go further than some hundred years.
    let every = every.clamp(BREATH, NEVER);
    let longest = LONGEST_PAUSE.max(every);
    let pause = every.saturating_mul(2_u32.saturating_pow(failures)).min(longest);
    jittered(pause)
}

/// Somewhere from four fifths of `around` to six fifths.
pub(super) fn jittered(around: Duration) -> Duration {
    // The only randomness of the standard library; good enough to spread things.
    let some = RandomState::new().hash_one(0_u8) & 0xffff;
    let share = f64::from(u32::try_from(some).unwrap_or_default()) / 65536.0;
    around.mul_f64(0.4f64.mul_add(share, 0.8))
}
