//! How often each event happened in each minute of the last hour.
//!
//! In: events. Out: their counts. Never: an id; 60 numbers for each kind of event are all there is.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use crate::{
    events::event::{Event, Observer},
    record::time::Timestamp,
};

const MINUTES: usize = 60;

/// Counts the events of this process for the page [`AdminScope::events`](super::AdminScope::events), minute by minute for an hour. Clones
/// share the counts.
///
/// It is an [`Observer`]: give it to the builder of the sessions. An application that has an observer of its own calls
/// [`observe`](Observer::observe) in it. To observe takes a lock for the time of an addition, and memory for 60 numbers of each kind of event.
///
/// ```
/// use actix_typed_session::{Key, SessionMiddleware, admin, store::{self, AnyStore}};
/// use actix_web::{App, HttpRequest};
///
/// async fn nobody(_: HttpRequest) -> Result<(), actix_web::Error> {
///     Err(actix_web::error::ErrorForbidden("for nobody"))
/// }
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = store::open("memory:").await?;
/// let events = admin::EventsPerMinute::default();
/// let sessions =
///     SessionMiddleware::builder(store.clone(), Key::generate()?).observer(events.clone()).build()?;
/// let app = move || {
///     let pages = admin::scope("/admin", store.clone(), nobody).events(events.clone());
///     App::new().wrap(sessions.clone()).service(pages)
/// };
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct EventsPerMinute(Arc<Mutex<BTreeMap<&'static str, Hour>>>);

/// The counts of each kind of event, the oldest minute first.
pub(super) type Hours = BTreeMap<&'static str, Vec<u64>>;

impl EventsPerMinute {
    /// The events that happened in the last hour.
    pub(super) fn last_hour(&self) -> Hours {
        let now = this_minute();
        let hours = self.lock();
        let counts = hours.iter().map(|(name, hour)| (*name, hour.until(now)));
        counts.filter(|(_, counts)| counts.iter().any(|count| *count > 0)).collect()
    }

    /// A number is whole whatever panicked, so poison is of no interest.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Hour>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for EventsPerMinute {
    fn observe(&self, event: &Event<'_>) {
        let now = this_minute();
        self.lock().entry(event.name()).or_default().add(now, event.count());
    }
}

/// Minutes since 1970.
fn this_minute() -> u64 {
    Timestamp::from(SystemTime::now()).as_millis() / 60_000
}

/// What happened in the minutes up to `latest`, which the last count is of.
#[derive(Clone, Debug, Default)]
struct Hour {
    latest: u64,
    counts: VecDeque<u64>,
}

impl Hour {
    /// A clock that was set back counts on in the latest minute.
    fn add(&mut self, minute: u64, count: u64) {
        self.go_to(minute);
        if let Some(latest) = self.counts.back_mut() {
            *latest = latest.saturating_add(count);
        }
    }

    fn until(&self, minute: u64) -> Vec<u64> {
        let mut hour = self.clone();
        hour.go_to(minute);
        hour.counts.into()
    }

    fn go_to(&mut self, minute: u64) {
        let passed = usize::try_from(minute.saturating_sub(self.latest)).unwrap_or(MINUTES).min(MINUTES);
        self.counts.extend(std::iter::repeat_n(0, passed));
        self.counts.drain(..self.counts.len().saturating_sub(MINUTES));
        self.latest = self.latest.max(minute);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The counts from the first event on; an hour always has 60.
    fn shown(hour: &Hour, minute: u64) -> Vec<u64> {
        let counts = hour.until(minute);
        assert_eq!(counts.len(), MINUTES);
        counts.into_iter().skip_while(|count| *count == 0).collect()
    }

    #[test]
    fn a_minute_is_counted_for_an_hour() {
        let mut hour = Hour::default();
        hour.add(1000, 1);
        hour.add(1000, 2);
        hour.add(1003, 5);
        assert_eq!(shown(&hour, 1003), [3, 0, 0, 5]);
        assert_eq!(shown(&hour, 1005), [3, 0, 0, 5, 0, 0]);
        assert_eq!(shown(&hour, 1059).len(), 60);
        assert_eq!(shown(&hour, 1060).first(), Some(&5));
        assert!(shown(&hour, 1063).is_empty());
        assert!(shown(&hour, u64::MAX).is_empty());
    }

    #[test]
    fn a_clock_that_was_set_back_loses_no_count() {
        let mut hour = Hour::default();
        hour.add(1000, 1);
        hour.add(990, 1);
        assert_eq!(shown(&hour, 1000), [2]);
    }

    #[test]
    fn an_event_with_a_count_counts_as_often_as_it_says() {
        let events = EventsPerMinute::default();
        events.observe(&Event::Swept { count: 7 });
        events.clone().observe(&Event::Swept { count: 2 });
        let hours = events.last_hour();
        assert_eq!(
            hours.iter().map(|(name, counts)| (*name, counts.iter().sum())).collect::<Vec<(_, u64)>>(),
            [("swept", 9)]
        );
    }
}
