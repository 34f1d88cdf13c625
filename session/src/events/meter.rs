//! The reader of events that keeps counters and histograms, through the facade `metrics`.
//!
//! In: an event. Out: what the application's recorder makes of it; without a recorder, nothing. Never: an id, which would be a label with
//! as many values as there are sessions.

use super::event::Event;

/// How often each event happened; those with a count, as often as it says.
const EVENTS: &str = "session_events_total";

/// How long calls of the store took, in seconds.
const STORE: &str = "session_store_seconds";

pub(super) fn read(event: &Event<'_>) {
    metrics::counter!(EVENTS, "event" => event.name()).increment(event.count());
    if let Event::StoreAnswered { call, took } | Event::StoreFailed { call, took, .. } = event {
        metrics::histogram!(STORE, "call" => call.name()).record(*took);
    }
}
