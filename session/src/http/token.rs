//! What a client carries from request to request: the id of its session, or all of it.
//!
//! In: values that a request brought, or the session that it is answered with. Out: ids and sealed sessions, or the value to send. Never:
//! where values travel.

use std::sync::Arc;

use super::cookie::{Reading, decide, examine};
use crate::{
    id::{session_id::SessionId, tags::KeyRing},
    visit::{
        carried::{InCookie, Sealed},
        visit::Visit,
    },
};

#[derive(Clone, Debug)]
pub(crate) enum Token {
    Id(KeyRing),
    Sealed(Arc<InCookie>),
}

impl Token {
    /// The ids that these values hold, and what they seal.
    pub(crate) fn read<'a>(&self, values: impl Iterator<Item = &'a [u8]>) -> (Reading, Vec<Sealed>) {
        match self {
            Self::Id(keys) => (decide(values, keys), Vec::new()),
            Self::Sealed(in_cookie) => unseal(values, in_cookie),
        }
    }

    /// The value that opens the session `id` of `visit`.
    pub(crate) fn value(&self, id: SessionId, visit: &Visit) -> String {
        match self {
            Self::Id(keys) => id.to_cookie(keys),
            Self::Sealed(_) => visit.sealed().unwrap_or_default(),
        }
    }
}

/// The sessions that these values seal. Of several states of one session, as after a change of the cookie's path, the latest counts, but
/// those of different users are all kept: somebody else has signed in to a copy of an anonymous cookie.
fn unseal<'a>(values: impl Iterator<Item = &'a [u8]>, in_cookie: &InCookie) -> (Reading, Vec<Sealed>) {
    let (mut found, mut tampered): (Vec<Sealed>, _) = (Vec::new(), 0);
    // Another length is nobody's guess, as with ids.
    let is_flooded = examine(values.filter(|value| InCookie::can_have(value.len())), |value| {
        let Some(sealed) = in_cookie.open(value) else {
            tampered += 1;
            return found.len();
        };
        match found.iter_mut().find(|known| known.is_state_of(&sealed)) {
            Some(known) if sealed.is_later_than(known) => *known = sealed,
            Some(_) => {}
            None => found.push(sealed),
        }
        found.len()
    });
    (Reading { ids: found.iter().map(|sealed| sealed.id).collect(), is_flooded, tampered }, found)
}
