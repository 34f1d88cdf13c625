//! Opening a store whose server comes up later.
//!
//! In: one attempt, and how long to go on. Out: the result of the last attempt. Never goes on after an error that another attempt would meet
//! again.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep};

/// The pause before the next attempt.
const PAUSE: Duration = Duration::from_millis(200);

/// Repeats `attempt` for at most `patience` while it fails for the moment.
pub(super) async fn patiently<T, E, F>(
    patience: Duration,
    for_the_moment: impl Fn(&E) -> bool,
    attempt: impl Fn() -> F,
) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let begun = Instant::now();
    loop {
        match attempt().await {
            Err(error) if for_the_moment(&error) && begun.elapsed() + PAUSE < patience => sleep(PAUSE).await,
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn attempts_end_with_success_with_patience_or_with_a_final_error() {
        let attempts = Cell::new(0);
        let attempt = |until: u32, error: &'static str| {
            let attempts = &attempts;
            attempts.set(0);
            move || async move {
                attempts.set(attempts.get() + 1);
                if attempts.get() == until { Ok(until) } else { Err(error) }
            }
        };
        let passes = |error: &&str| *error == "down";
        assert_eq!(patiently(Duration::from_secs(1), passes, attempt(3, "down")).await, Ok(3));
        assert_eq!(patiently(Duration::from_secs(1), passes, attempt(9, "down")).await, Err("down"));
        assert_eq!(attempts.get(), 5);
        assert_eq!(patiently(Duration::ZERO, passes, attempt(9, "down")).await, Err("down"));
        assert_eq!(attempts.get(), 1);
        assert_eq!(patiently(Duration::MAX, passes, attempt(9, "refused")).await, Err("refused"));
        assert_eq!(attempts.get(), 1);
    }
}
