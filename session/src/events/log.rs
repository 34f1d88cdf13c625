//! The reader of events that writes the log.
//!
//! In: an event. Out: a line, or none. What a stranger can cause as often as they like is written a few times at once and then once a
//! second; sign-ins and sign-outs are all written (OWASP ASVS 5.0 16.3.1).

use log::LevelFilter;
use tracing::Level;

use super::event::Event;
use crate::sparse::Sparse;

/// The lines that were written lately, by event.
#[derive(Debug, Default)]
pub(super) struct Log {
    created: Sparse,
    imported: Sparse,
    import_failed: Sparse,
    loaded: Sparse,
    renewed: Sparse,
    purged: Sparse,
    revoked: Sparse,
    revoked_all: Sparse,
    expired: Sparse,
    swept: Sparse,
    superseded: Sparse,
    conflict: Sparse,
    contended: Sparse,
    unconfirmed: Sparse,
    unreadable: Sparse,
    too_new: Sparse,
    lenient_field: Sparse,
    field: Sparse,
    tampered: Sparse,
    ambiguous: Sparse,
    store_failed: Sparse,
}

/// Writes a line if anybody reads that level and, with `$lines`, if it is due.
macro_rules! line {
    ($level:ident, $event:ident, $lines:expr, $($rest:tt)+) => {
        if (tracing::enabled!(Level::$level) || is_logged(Level::$level))
            && let Some(left_out) = $lines.due()
        {
            tracing::event!(Level::$level, event = $event.name(), left_out, $($rest)+);
        }
    };
    ($level:ident, $event:ident: $($rest:tt)+) => {
        tracing::event!(Level::$level, event = $event.name(), $($rest)+)
    };
}

/// Whether a logger of the crate `log` reads this level. `tracing` writes to it where there is no subscriber, and does not ask it.
fn is_logged(level: Level) -> bool {
    let most = match log::max_level() {
        LevelFilter::Off => return false,
        LevelFilter::Error => Level::ERROR,
        LevelFilter::Warn => Level::WARN,
        LevelFilter::Info => Level::INFO,
        LevelFilter::Debug => Level::DEBUG,
        LevelFilter::Trace => Level::TRACE,
    };
    level <= most
}

impl Log {
    pub(super) fn read(&self, event: &Event<'_>) {
        match event {
            Event::Created { id } => line!(DEBUG, event, self.created, public_id = %id, "a session began"),
            Event::Imported { id } => {
                line!(INFO, event, self.imported, public_id = %id, "a session of another library was moved here");
            }
            Event::ImportFailed { error } => {
                line!(WARN, event, self.import_failed, %error, "a session of another library could not be moved here; it stays as it is");
            }
            Event::Loaded { id } => {
                line!(DEBUG, event, self.loaded, public_id = %id, "a session was loaded");
            }
            Event::Renewed { id } => {
                line!(DEBUG, event, self.renewed, public_id = %id, "a session has a new id");
            }
            Event::SignedIn { id } => line!(INFO, event: public_id = %id, "a user signed in"),
            Event::SignedOut { id } => line!(INFO, event: public_id = %id, "a user signed out"),
            Event::Purged { id } => {
                line!(DEBUG, event, self.purged, public_id = %id, "a session was ended");
            }
            Event::Revoked { id } => {
                line!(INFO, event, self.revoked, public_id = %id, "a user ended another session");
            }
            Event::RevokedAll { count } => {
                line!(INFO, event, self.revoked_all, count, "a user ended their sessions");
            }
            Event::Expired { id } => {
                line!(DEBUG, event, self.expired, public_id = %id, "a session has expired or was ended");
            }
            Event::Swept { count } => {
                line!(DEBUG, event, self.swept, count, "expired sessions were removed");
            }
            Event::Superseded { id } => {
                line!(DEBUG, event, self.superseded, public_id = %id, "a request came with an id from before a renewal");
            }
            Event::Conflict { id } => {
                line!(DEBUG, event, self.conflict, public_id = %id, "another request was faster; trying again");
            }
            Event::Contended { id } => {
                line!(DEBUG, event, self.contended, public_id = %id, "other requests were faster until the deadline");
            }
            Event::Unconfirmed { id } => {
                line!(ERROR, event, self.unconfirmed, public_id = %id, "a session could not be ended; this process refuses it until it can");
            }
            Event::Unreadable { id } => {
                line!(WARN, event, self.unreadable, public_id = %id, "a stored session cannot be read");
            }
            Event::TooNew { schema, version, needed } => {
                line!(
                    WARN,
                    event,
                    self.too_new,
                    schema,
                    version,
                    needed,
                    "a session needs a later version of its schema"
                );
            }
            Event::UnreadableField { field, is_lenient: true, error } => {
                line!(WARN, event, self.lenient_field, field, %error, "a session field reads as its default");
            }
            Event::UnreadableField { field, is_lenient: false, error } => {
                line!(ERROR, event, self.field, field, %error, "a session field cannot be read");
            }
            Event::Tampered { count } => {
                line!(
                    INFO,
                    event,
                    self.tampered,
                    count,
                    "a request came with ids that no key of ours has signed"
                );
            }
            Event::Ambiguous { count } => {
                line!(
                    WARN,
                    event,
                    self.ambiguous,
                    count,
                    "a request carries the cookies of several live sessions; none is used"
                );
            }
            Event::StoreAnswered { .. } => {}
            // The breaker tells when an outage begins and ends.
            Event::StoreFailed { call, error, .. } => {
                line!(DEBUG, event, self.store_failed, %call, %error, "a call of the session store failed");
            }
        }
    }
}
