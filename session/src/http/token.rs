//! What a client carries from request to request: the id of its session, all of it, or where it is.
//!
//! In: values that a request brought, or the session that it is answered with. Out: ids and what was sealed, or the value to send. Never:
//! where values travel.

use std::sync::Arc;

use super::cookie::{Reading, decide, examine};
use crate::{
    id::{session_id::SessionId, tags::KeyRing},
    visit::{
        carried::{InCookie, Sealed},
        pointer::{InForeign, Pointer},
        records::Opened,
        visit::Visit,
    },
};

#[derive(Clone, Debug)]
pub(crate) enum Token {
    Id(KeyRing),
    Sealed(Arc<InCookie>),
    Pointer(Arc<InForeign>),
}

impl Token {
    /// The ids that these values hold, and what they seal.
    pub(crate) fn read<'a>(&self, values: impl Iterator<Item = &'a [u8]>) -> (Reading, Opened) {
        match self {
            Self::Id(keys) => (decide(values, keys), Opened::Nothing),
            Self::Sealed(in_cookie) => {
                let (reading, sealed) = unseal(values, in_cookie);
                (reading, Opened::Sessions(sealed))
            }
            Self::Pointer(in_foreign) => {
                let (reading, pointers) = pointers(values, in_foreign);
                (reading, Opened::Pointers(pointers))
            }
        }
    }

    /// The value that opens the session `id` of `visit`.
    pub(crate) fn value(&self, id: SessionId, visit: &Visit) -> String {
        match self {
            Self::Id(keys) => id.to_cookie(keys),
            Self::Sealed(_) | Self::Pointer(_) => visit.sealed().unwrap_or_default(),
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

/// The pointers that these values seal, each with an id of its own or with another place for it.
fn pointers<'a>(values: impl Iterator<Item = &'a [u8]>, in_foreign: &InForeign) -> (Reading, Vec<Pointer>) {
    let (mut ids, mut found, mut tampered) = (Vec::new(), Vec::new(), 0);
    // Another length is nobody's guess, as with ids.
    let is_flooded = examine(values.filter(|value| InForeign::can_have(value.len())), |value| {
        match in_foreign.open(value) {
            None => tampered += 1,
            Some(pointer) => {
                if !ids.contains(&pointer.id) {
                    ids.push(pointer.id);
                }
                found.push(pointer);
            }
        }
        found.len()
    });
    (Reading { ids, is_flooded, tampered }, found)
}
