//! The sessions of a principal.
//!
//! In: a principal. Out: its sessions, or room for one more. Never counts and writes separately: [`make_room`] needs the file's write
//! lock, so no other sign-in comes in between.

use sqlx::SqliteConnection;

use super::{
    rows::{self, Rows},
    store::SqliteStore,
};
use crate::{
    id::public::Selector,
    record::{
        change::{MaxSessions, WhenFull},
        meta::Principal,
        time::Timestamp,
    },
    store::{
        detached::detached,
        error::StoreError,
        index::{Listed, Page, PrincipalIndex},
    },
};

/// Whether one more session of a principal fits.
#[derive(PartialEq)]
pub(super) enum Room {
    There,
    /// There may be more sessions to end than one transaction should. Commit, and look again.
    NotYet,
    Refused,
}

/// Ends the oldest sessions of `principal`, so that one more fits.
pub(super) async fn make_room(
    connection: &mut SqliteConnection,
    selector: &Selector,
    principal: Option<&Principal>,
    max: Option<MaxSessions>,
    now: Timestamp,
) -> Result<Room, StoreError> {
    let (Some(principal), Some(max)) = (principal, max) else { return Ok(Room::There) };
    // Counted, because SQLite looks up the row behind each entry of the index that an offset skips.
    let others = rows::count(connection, principal, Some(selector), now).await?;
    let surplus = (others + 1).saturating_sub(u64::from(max.per_user.get()));
    if surplus == 0 {
        return Ok(Room::There);
    }
    if max.when_full == WhenFull::RejectNew {
        return Ok(Room::Refused);
    }
    let some = usize::try_from(surplus).unwrap_or(usize::MAX).min(rows::AT_ONCE);
    let oldest = rows::oldest(connection, principal, selector, some, now).await?;
    for selector in &oldest {
        Rows::of(connection, selector).delete().await?;
    }
    Ok(if oldest.len() < rows::AT_ONCE { Room::There } else { Room::NotYet })
}

impl PrincipalIndex for SqliteStore {
    async fn sessions_of(&self, principal: &Principal) -> Result<Vec<Listed>, StoreError> {
        let now = self.0.clock.now();
        let mut lease = self.0.readers.lease().await?;
        let list = rows::of_principal(&mut lease, principal, now).await?;
        lease.give_back();
        Ok(list)
    }

    async fn sessions_page(
        &self,
        principal: &Principal,
        after: Option<&Selector>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let now = self.0.clock.now();
        let mut lease = self.0.readers.lease().await?;
        let page = rows::page(&mut lease, principal, after, limit, now).await?;
        lease.give_back();
        Ok(page)
    }

    async fn count_of(&self, principal: &Principal) -> Result<u64, StoreError> {
        let now = self.0.clock.now();
        let mut lease = self.0.readers.lease().await?;
        let count = rows::count(&mut lease, principal, None, now).await?;
        lease.give_back();
        Ok(count)
    }

    /// Ends some at a time, because nobody else writes meanwhile. A sign-in that comes in between is later than the call.
    async fn delete_all(&self, principal: &Principal, except: Option<&Selector>) -> Result<u64, StoreError> {
        let (store, principal, except) = (self.clone(), principal.clone(), except.copied());
        detached(async move { store.end_all(&principal, except.as_ref()).await }).await
    }
}

impl SqliteStore {
    async fn end_all(&self, principal: &Principal, except: Option<&Selector>) -> Result<u64, StoreError> {
        let (mut ended, mut after) = (0, None);
        loop {
            let mut lease = self.0.writer.begin().await?;
            let now = self.0.clock.now();
            let (some, last) = rows::delete_some(&mut lease, principal, after.as_ref(), except, now).await?;
            lease.commit().await?;
            ended += some;
            if last.is_none() {
                return Ok(ended);
            }
            after = last;
        }
    }
}
