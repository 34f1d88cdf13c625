#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)] // in a test this is how to fail

use std::{
    fmt::Debug,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tracing::{Dispatch, Level, Metadata, Subscriber, field::Field, span};

use super::{
    Events,
    event::{Event, StoreCall},
};
use crate::id::public::{PublicId, Selector};

const ID: PublicId = PublicId::of(Selector::from_bytes([7; 16]));

/// The event after `event` in the order of the enum. A new one makes this fail to compile, so that no test below forgets it.
fn after(event: Event<'static>) -> Option<Event<'static>> {
    let (call, took, id) = (StoreCall::Load, Duration::from_millis(3), ID);
    Some(match event {
        Event::Created { .. } => Event::Imported { id },
        Event::Imported { .. } => Event::ImportFailed { error: &std::fmt::Error },
        Event::ImportFailed { .. } => Event::Loaded { id },
        Event::Loaded { .. } => Event::Renewed { id },
        Event::Renewed { .. } => Event::SignedIn { id },
        Event::SignedIn { .. } => Event::SignedOut { id },
        Event::SignedOut { .. } => Event::Purged { id },
        Event::Purged { .. } => Event::Revoked { id },
        Event::Revoked { .. } => Event::RevokedAll { count: 4 },
        Event::RevokedAll { .. } => Event::Expired { id },
        Event::Expired { .. } => Event::Swept { count: 5 },
        Event::Swept { .. } => Event::Superseded { id },
        Event::Superseded { .. } => Event::Conflict { id },
        Event::Conflict { .. } => Event::Contended { id },
        Event::Contended { .. } => Event::Unconfirmed { id },
        Event::Unconfirmed { .. } => Event::Unreadable { id },
        Event::Unreadable { .. } => Event::TooNew { schema: "shop", version: 1, needed: 2 },
        Event::TooNew { .. } => {
            Event::UnreadableField { field: "shop.cart", is_lenient: false, error: &std::fmt::Error }
        }
        Event::UnreadableField { .. } => Event::Tampered { count: 3 },
        Event::Tampered { .. } => Event::Ambiguous { count: 2 },
        Event::Ambiguous { .. } => Event::StoreAnswered { call, took },
        Event::StoreAnswered { .. } => Event::StoreFailed { call, took, error: &std::fmt::Error },
        Event::StoreFailed { .. } => return None,
    })
}

fn all() -> impl Iterator<Item = Event<'static>> {
    std::iter::successors(Some(Event::Created { id: ID }), |event| after(*event))
}

/// The levels of the lines that are written.
struct Levels(Mutex<Vec<Level>>);

impl Subscriber for &'static Levels {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Named(bool);
        impl tracing::field::Visit for Named {
            fn record_debug(&mut self, field: &Field, _: &dyn Debug) {
                self.0 |= field.name() == "event";
            }
        }
        let mut named = Named(false);
        event.record(&mut named);
        assert!(named.0, "a line without `event`");
        self.0.lock().unwrap().push(*event.metadata().level());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// How many lines `tell` writes at each level.
fn logged(tell: impl FnOnce()) -> Vec<Level> {
    let levels: &'static Levels = Box::leak(Box::new(Levels(Mutex::default())));
    // With one subscriber in the process, `tracing` asks only the thread that reaches a line first.
    let _another = Dispatch::new(levels);
    tracing::subscriber::with_default(levels, tell);
    levels.0.lock().unwrap().clone()
}

/// `docs/events.md` has a row for each event: its name, and the level of its line. Other tables of the page begin otherwise.
#[test]
fn the_page_lists_every_event_with_its_level() {
    let page = include_str!("../../docs/events.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let rows: Vec<(&str, String)> =
        rows.map(|(name, rest)| (name, rest.split('|').next().unwrap().trim().to_lowercase())).collect();
    let is: Vec<(&str, String)> = all()
        .map(|event| {
            let level = logged(|| Events::default().tell(event)).first().map(ToString::to_string);
            (event.name(), level.unwrap_or("–".into()).to_lowercase())
        })
        .collect();
    assert_eq!(rows, is);
}

/// OWASP ASVS 5.0 16.3.3.
#[test]
fn a_flood_of_an_event_writes_few_lines_and_every_sign_in_has_one() {
    for event in all() {
        let events = Events::default();
        let lines = logged(|| (0..10_000).for_each(|_| events.tell(event))).len();
        match event {
            Event::SignedIn { .. } | Event::SignedOut { .. } => assert_eq!(lines, 10_000),
            _ => assert!(lines <= 20, "{event:?}: {lines}"),
        }
    }
}

#[test]
fn an_observer_is_told_of_all_and_may_panic() {
    static TOLD: AtomicU64 = AtomicU64::new(0);
    let events = Events::default();
    events.observed_by(std::sync::Arc::new(|event: &Event<'_>| {
        TOLD.fetch_add(1, Ordering::Relaxed);
        assert!(!matches!(event, Event::Created { .. }), "an observer with a defect");
    }));
    let lines = logged(|| all().for_each(|event| events.tell(event)));
    assert_eq!(TOLD.load(Ordering::Relaxed), u64::try_from(all().count()).unwrap());
    assert!(lines.contains(&Level::ERROR));
}

#[cfg(feature = "metrics")]
mod metered {
    use std::sync::Arc;

    use metrics::{
        Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };

    use super::*;

    /// Everything that was counted or measured, as `name label number`.
    #[derive(Default)]
    struct Kept(Arc<Mutex<Vec<String>>>);

    struct One(String, Arc<Mutex<Vec<String>>>);

    impl metrics::CounterFn for One {
        fn increment(&self, by: u64) {
            self.1.lock().unwrap().push(format!("{} {by}", self.0));
        }

        fn absolute(&self, _: u64) {}
    }

    impl HistogramFn for One {
        fn record(&self, seconds: f64) {
            self.1.lock().unwrap().push(format!("{} {seconds}", self.0));
        }
    }

    impl Kept {
        fn one(&self, key: &Key) -> Arc<One> {
            let label = key.labels().map(metrics::Label::value).collect::<String>();
            Arc::new(One(format!("{} {label}", key.name()), self.0.clone()))
        }
    }

    impl Recorder for Kept {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.one(key))
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::from_arc(self.one(key))
        }
    }

    /// Each event counts once, those with a count as often as it says, and nothing has an id.
    #[test]
    fn every_event_is_counted_and_calls_of_the_store_are_measured() {
        let kept = Kept::default();
        metrics::with_local_recorder(&kept, || all().for_each(|event| Events::default().tell(event)));
        let is = kept.0.lock().unwrap().clone();
        let mut expected = Vec::new();
        for event in all() {
            let count = match event {
                Event::RevokedAll { .. } => 4,
                Event::Swept { .. } => 5,
                Event::Tampered { .. } => 3,
                Event::Ambiguous { .. } => 2,
                _ => 1,
            };
            expected.push(format!("session_events_total {} {count}", event.name()));
            if matches!(event, Event::StoreAnswered { .. } | Event::StoreFailed { .. }) {
                expected.push("session_store_seconds load 0.003".to_owned());
            }
        }
        assert_eq!(is, expected);
    }
}
