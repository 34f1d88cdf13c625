//! Removing expired records from engines that do not do so by themselves.
//!
//! In: a store, and an interval. Out: a task that sweeps it. The task never gives up on a store that can be swept, and never hides that it
//! cannot sweep.

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

use super::error::{StoreError, StoreErrorKind};

/// A store that keeps expired records until they are swept. They read as absent; sweeping only frees their room.
///
/// It announces the ability with [`Abilities::with_sweep`](super::Abilities::with_sweep).
pub trait Sweep: Send + Sync + 'static {
    /// Deletes expired records, and returns how many: at most `limit`, unless more take hardly any time. Fewer than `limit` means that none
    /// are left. A record that cannot be read stays.
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

/// How many records one batch removes: few enough not to disturb live traffic.
const BATCH: u32 = 100;

/// The pause between two full batches, for live traffic.
const BREATH: Duration = Duration::from_millis(50);

/// The longest interval, because a timer cannot be set further than some hundred years ahead.
const NEVER: Duration = Duration::from_secs(24 * 365 * 100 * 3600);

/// The longest pause while sweeping fails, unless the interval is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// A task that sweeps a store. It ends when [`stop`](Self::stop) is called, or soon after this handle is dropped.
///
/// ```
/// use std::time::Duration;
///
/// use actix_typed_session::store::{MemoryStore, Sweeper};
///
/// # #[actix_web::main]
/// # async fn main() {
/// let store = MemoryStore::with_max_bytes(256 << 20);
/// let sweeper = Sweeper::spawn(store.clone(), Duration::from_secs(60));
/// // .. serve ..
/// sweeper.stop().await;
/// # }
/// ```
pub struct Sweeper {
    // Dropping the sender ends the task.
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Sweeper {
    /// Starts a task that sweeps `store` in batches, about once per `every`; the first sweep comes after one interval. While sweeping fails, the
    /// pauses grow to five minutes.
    ///
    /// A task for a store that keeps no expired records ends with its first sweep.
    ///
    /// This needs a tokio runtime with time enabled, as actix-web's are. The task ends with the runtime.
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

    /// Ends the task, and waits until it has ended. A batch that is under way is dropped like any call to the store.
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
        match sweep_all(&sweep).await {
            Ok(()) if failures == 0 => {}
            Ok(()) => {
                tracing::info!(failures, "expired sessions are being removed again");
                failures = 0;
            }
            Err(error) if error.kind() == StoreErrorKind::Unsupported => {
                tracing::warn!(%error, "the store keeps no expired sessions that could be removed; the task ends");
                return;
            }
            Err(error) => {
                if failures == 0 {
                    tracing::warn!(%error, "expired sessions cannot be removed; the task keeps trying");
                }
                failures = failures.saturating_add(1);
            }
        }
    }
}

/// Sweeps until nothing is left.
async fn sweep_all<F>(sweep: &impl Fn(u32) -> F) -> Result<(), StoreError>
where
    F: Future<Output = Result<u32, StoreError>>,
{
    while sweep(BATCH).await? >= BATCH {
        time::sleep(BREATH).await;
    }
    Ok(())
}

/// The pause before the next sweep. It doubles with every failure, and is jittered so that nodes that started together do not sweep together.
fn pause(every: Duration, failures: u32) -> Duration {
    // An interval of zero would not grow.
    let every = every.clamp(BREATH, NEVER);
    let longest = LONGEST_PAUSE.max(every);
    let pause = every.saturating_mul(2_u32.saturating_pow(failures)).min(longest);
    jittered(pause)
}

/// A random duration from 80 % to 120 % of `around`.
pub(super) fn jittered(around: Duration) -> Duration {
    // The hasher's keys are the only randomness in the standard library, and good enough here.
    let some = RandomState::new().hash_one(0_u8) & 0xffff;
    let share = f64::from(u32::try_from(some).unwrap_or_default()) / 65536.0;
    around.mul_f64(0.4f64.mul_add(share, 0.8))
}
