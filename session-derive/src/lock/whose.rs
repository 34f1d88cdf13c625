//! In: a schema, and the lock of its name or those of other schemas. Out: whether the lock belongs to another state, and whether the
//! schema had another name before.
//!
//! Never certain, since the derive sees one state at a time. Two schemas count as one if most of their wire keys are the same.

use super::cells::{Now, updated};
use super::compare::found::TEST;
use super::data::Lock;
use crate::ident;

/// Whether the schema has at least half of the wire keys in the lock.
fn is_alike(now: &Now, lock: &Lock) -> bool {
    let Some(view) = lock.versions.values().next_back() else { return false };
    let shared = now.cells.iter().filter(|stored| view.contains_key(&stored.key)).count();
    shared * 2 >= view.len()
}

/// The message for a schema without a lock that had one under another name.
pub(super) fn renamed(now: &Now, is_named: bool, others: &[Lock], shown: &str) -> Option<String> {
    let (schema, state) = (&now.schema, &now.state);
    if let Some(other) = others.iter().find(|other| other.state == *state && is_alike(now, other)) {
        let (old, folder) =
            (&other.schema, shown.strip_suffix(&format!("{schema}.lock")).unwrap_or_default());
        return Some(format!(
            "the schema of `{state}` was `{old}`, and `{schema}` would start with no sessions: write `name = \"{old}\"` to keep \
             them. If it is meant to be new, delete {folder}{old}.lock, or, if both are in use, give one of the types another name"
        ));
    }
    let mine = updated(now, None);
    let keys =
        |lock: &Lock| lock.versions.values().next_back().map(|view| view.keys().cloned().collect::<Vec<_>>());
    let other = others.iter().find(|other| !is_named && keys(other) == keys(&mine))?;
    let (old, was) = (&other.schema, &other.state);
    Some(format!(
        "schema `{old}` is locked for `{was}` and stores the same fields as `{schema}`, which would start with no sessions: if \
         `{was}` became `{state}`, write `name = \"{old}\"` to keep them; if `{state}` is meant to be new, write `name = \"{schema}\"`"
    ))
}

/// The message for a schema whose lock belongs to another state.
pub(super) fn taken(now: &Now, lock: &Lock, shown: &str) -> Option<String> {
    // A renamed type keeps most of its fields, and its version does not go down.
    let is_ours = lock.state == now.state || (now.version >= lock.released && is_alike(now, lock));
    if is_ours {
        return None;
    }
    let (schema, state, owner) = (&now.schema, &now.state, &lock.state);
    let name = Some(ident::snake_case(state)).filter(|name| name != schema);
    let name = name.as_deref().unwrap_or("..");
    Some(format!(
        "schema `{schema}` belongs to `{owner}` ({shown}), and two states need two names; write `name = \"{name}\"` for `{state}`. If \
         `{owner}` was renamed to `{state}`, run `{TEST}` with no other change first"
    ))
}
