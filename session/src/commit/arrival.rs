//! What a request met, whether that is superseded, when a touch is due, and what operations stand on.
//!
//! In: the cookie's id and what the store has under it. Out: an [`Arrival`], and the [`Base`] for a fold. Never: an operation.

use std::{slice, time::Duration};

use crate::{
    error::ErrorKind,
    events::event::Event,
    id::{public::PublicId, session_id::SessionId},
    record::{apply::Record, meta::Meta, time::Timestamp},
    section::{patch::Place, view::View},
    store::contract::Loaded,
};

/// A touch is due when the idle timeout divided by this has passed since the last one, so that most reads write nothing.
const TOUCHES_PER_IDLE: u32 = 10;

/// What a request met.
#[derive(Clone, Debug)]
pub(crate) enum Arrival {
    /// No cookie of ours, or no live record for it.
    Nobody,
    /// The cookies of several live sessions. One of them may be planted and nothing tells which, so none is used; the only thing
    /// that can be done with them is to end them all.
    Ambiguous(Vec<SessionId>),
    /// The record that the cookie opens.
    Live(SessionId, Loaded),
    /// A record whose verifier is not the cookie's any more: another request has renewed it.
    Superseded(SessionId, Loaded),
    /// Who is signed in changed while the request ran, so its part in the session is over: it goes on seeing what it had read, and
    /// nothing that it does is stored.
    Displaced { id: SessionId, shown: Loaded, found: Loaded },
    /// The session ended while the request ran. What the request still writes counts as done just before the end.
    Ended,
    /// An earlier request ended the session, and the store did not confirm it. The session reads as nobody's, and this request
    /// ends it first of all.
    Unconfirmed(SessionId),
    /// A record that cannot be read. The only thing that can be done with it is to delete it.
    Unreadable(SessionId),
}

/// What the request's cookie opened, as [`Session::arrival`](crate::Session::arrival) tells it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Arrived {
    /// The browser sent no cookie of this application.
    Nothing,
    /// A live session.
    Live,
    /// A session that has expired, or was ended. "Your session has expired" can be said now.
    Ended,
    /// A session whose id has been replaced since, by a sign-in or a renewal.
    Superseded,
    /// Several live sessions; none of them is used.
    Ambiguous,
    /// A session that cannot be read.
    Unreadable,
}

impl Arrival {
    /// What the cookie opened. There was one, or nothing would have been looked up.
    pub(crate) const fn opened(&self) -> Arrived {
        match self {
            Self::Nobody | Self::Ended | Self::Unconfirmed(_) => Arrived::Ended,
            Self::Ambiguous(_) => Arrived::Ambiguous,
            Self::Live(..) | Self::Displaced { .. } => Arrived::Live,
            Self::Superseded(..) => Arrived::Superseded,
            Self::Unreadable(_) => Arrived::Unreadable,
        }
    }

    /// What to tell of it as the request comes. A record that cannot be read has been told of by whoever read it, and so has a logout that is
    /// owed.
    pub(crate) fn event(&self, ids: &[SessionId]) -> Option<Event<'static>> {
        let public = |id: &SessionId| PublicId::of(id.selector);
        match self {
            Self::Nobody => ids.first().map(|id| Event::Expired { id: public(id) }),
            Self::Ambiguous(ids) => {
                Some(Event::Ambiguous { count: ids.len().try_into().unwrap_or(u64::MAX) })
            }
            Self::Live(id, _) => Some(Event::Loaded { id: public(id) }),
            Self::Superseded(id, _) => Some(Event::Superseded { id: public(id) }),
            // The last two come about while a request runs.
            Self::Unconfirmed(_) | Self::Unreadable(_) | Self::Displaced { .. } | Self::Ended => None,
        }
    }

    /// What a browser whose cookie carries `id` meets, when the store has `found` under the id's selector.
    ///
    /// Only the verifier proves the right to a record. A live record with another verifier was renewed since the browser got its
    /// cookie: the session is superseded, and none of its data is shown (G4).
    pub(crate) fn of(id: SessionId, found: Option<Loaded>) -> Self {
        match found {
            None => Self::Nobody,
            Some(loaded) if has_other_verifier(&id, &loaded) => Self::Superseded(id, loaded),
            Some(loaded) => Self::Live(id, loaded),
        }
    }

    /// What a browser meets that sent several cookies, of which each alone would meet one of `met`.
    ///
    /// A logout that is owed comes first. A cookie that opens nothing hides none that does, and one whose record cannot be read
    /// counts only if no other opens a session: whether its verifier fits is unknown.
    pub(crate) fn among(met: Vec<Self>) -> Self {
        let live = met.iter().flat_map(|arrival| match arrival {
            Self::Live(id, _) => slice::from_ref(id),
            Self::Ambiguous(ids) => ids,
            _ => &[],
        });
        // Nearly every request has one, and then this allocates nothing.
        let more: Vec<_> = live.skip(1).copied().collect();
        let first = met.into_iter().min_by_key(|arrival| match arrival {
            Self::Unconfirmed(_) => 0,
            Self::Live(..) | Self::Ambiguous(_) => 1,
            Self::Unreadable(_) => 2,
            // A sign-in of this browser may have renewed this one while the request was on its way.
            Self::Superseded(_, loaded) if is_just_renewed(loaded) => 3,
            Self::Superseded(..) => 4,
            Self::Nobody | Self::Displaced { .. } | Self::Ended => 5,
        });
        match first {
            Some(Self::Live(id, _)) if !more.is_empty() => Self::Ambiguous([vec![id], more].concat()),
            Some(Self::Ambiguous(ids)) => Self::Ambiguous(ids.into_iter().take(1).chain(more).collect()),
            first => first.unwrap_or(Self::Nobody),
        }
    }

    /// Whether somebody may be signed in whom the request does not see. Signing out then ends every session that it may be.
    pub(crate) const fn hides_sessions(&self) -> bool {
        matches!(self, Self::Ambiguous(_))
    }

    /// Whether a user is signed in, as far as the request knows. Where it cannot know, a sign-out that was none is told rather than one left
    /// out.
    pub(crate) fn may_have_user(&self) -> bool {
        match self {
            Self::Live(_, shown) | Self::Displaced { shown, .. } => shown.record.meta().principal.is_some(),
            Self::Ambiguous(_) | Self::Unconfirmed(_) | Self::Unreadable(_) => true,
            Self::Nobody | Self::Superseded(..) | Self::Ended => false,
        }
    }

    /// What a request that met this meets when it loads again, and the store has `found`.
    ///
    /// It adopts what other requests wrote, but not what came after a renewal: the cookie that it came with may be known to someone
    /// else, which is why the session was renewed (G4, G7).
    pub(crate) fn again(self, found: Option<Loaded>) -> Self {
        let Self::Live(id, shown) = self else { return self };
        let Some(found) = found else { return Self::Ended };
        let (then, now) = (shown.record.meta(), found.record.meta());
        if has_other_sign_in(then, now) {
            Self::Displaced { id, shown, found }
        } else if then.generation != now.generation {
            Self::Live(id, shown)
        } else {
            Self::Live(id, found)
        }
    }

    /// Why the request has no part in its session any more, if it had one.
    pub(crate) fn is_over(&self) -> Option<ErrorKind> {
        match self {
            Self::Ended | Self::Unconfirmed(_) => Some(ErrorKind::Gone),
            Self::Superseded(_, loaded) if is_just_renewed(loaded) => Some(ErrorKind::Superseded),
            Self::Displaced { .. } => Some(ErrorKind::Superseded),
            Self::Unreadable(_) => Some(ErrorKind::Unreadable),
            Self::Nobody | Self::Ambiguous(_) | Self::Live(..) | Self::Superseded(..) => None,
        }
    }

    /// What the request's operations stand on.
    pub(crate) fn base(&self) -> Base<'_> {
        match self {
            Self::Live(_, shown) | Self::Displaced { shown, .. } => {
                Base { record: Some(&shown.record), now: shown.now, before_renewal: None }
            }
            _ => Base::NOTHING,
        }
    }
}

/// Whether somebody signed in between the two moments, or the session was ended and another one begun in its place.
pub(crate) fn has_other_sign_in(then: &Meta, now: &Meta) -> bool {
    then.principal != now.principal || then.signed_in != now.signed_in
}

/// Whether the browser was last seen long enough ago to be recorded again.
pub(crate) fn touch_is_due(meta: &Meta, now: Timestamp) -> bool {
    now.since(meta.touched) > meta.limits.idle / TOUCHES_PER_IDLE
}

/// Whether the record has another verifier than the cookie of this request: it was renewed since the browser got its cookie. Only a
/// sign-in, which opens a session of its own, still gets a cookie then; the browser has, or is about to get, a newer one.
pub(crate) fn has_other_verifier(id: &SessionId, loaded: &Loaded) -> bool {
    loaded.record.meta().verifier != id.verifier_hash()
}

/// Whether a request still has the session that it met, now that the store has `found`: what concerns other sessions than its own must
/// not be done for whoever held the cookie before a renewal.
pub(crate) fn still_has((_, met): &(SessionId, Loaded), found: Option<&Loaded>) -> Result<(), ErrorKind> {
    let Some(found) = found else { return Err(ErrorKind::Gone) };
    let is_same = found.record.meta().generation == met.record.meta().generation;
    if is_same { Ok(()) } else { Err(ErrorKind::Superseded) }
}

/// How long after a renewal the browser may not know its new cookie. A write with the old one is refused until then, unless it is
/// the sign-in that made the renewal.
pub(crate) const SUPERSEDED_WINDOW: Duration = Duration::from_secs(60);

/// Whether the session was renewed only just now.
pub(crate) fn is_just_renewed(loaded: &Loaded) -> bool {
    loaded.now.since(loaded.record.meta().renewed) < SUPERSEDED_WINDOW
}

/// What operations stand on: a record, or nothing.
#[derive(Clone, Copy)]
pub(crate) struct Base<'a> {
    pub(crate) record: Option<&'a Record>,
    pub(crate) now: Timestamp,
    /// The record as the request loaded it, if another request has renewed the session since.
    pub(crate) before_renewal: Option<&'a Record>,
}

impl<'a> Base<'a> {
    pub(crate) const NOTHING: Self =
        Self { record: None, now: Timestamp::from_millis(0), before_renewal: None };

    pub(crate) fn view(self) -> View<'a> {
        self.record.map_or(View::NOTHING, |record| View::of(record, self.now))
    }

    /// Whether a blind set of `place` counts as written before what the record holds now, and so is dropped.
    ///
    /// That is so only if the session was renewed since the load and the field was edited since then. Otherwise the last writer of a
    /// field wins. (A sign-in, which resets fields too, leaves no request from before it to write anything.)
    pub(crate) fn is_late(self, place: Place) -> bool {
        let (Some(loaded), Some(record)) = (self.before_renewal, self.record) else { return false };
        place.edited(loaded, record)
    }
}
