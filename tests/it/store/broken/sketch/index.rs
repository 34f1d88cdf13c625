//! The index of the sketch, which looks through all records, and what can be wrong with that.

use actix_typed_session::{
    change::{Change, MaxSessions},
    id::Selector,
    record::{Meta, Principal, Timestamp},
    store::{Listed, Page, PrincipalIndex, StoreError, StoreErrorKind, Updated},
};

use super::{Fault, Sketch, Stored};

/// Where a session would end that was never touched.
fn first_end(meta: &Meta) -> Timestamp {
    meta.authenticated.unwrap_or(meta.created).saturating_add(meta.limits.idle)
}

impl Sketch {
    fn listed(&self, principal: &Principal, except: Option<&Selector>) -> Vec<Listed> {
        self.listed_with(principal, except, self.is(Fault::ListsTheEnded))
    }

    fn listed_with(&self, principal: &Principal, except: Option<&Selector>, with_dead: bool) -> Vec<Listed> {
        let belongs = |other: &Principal| {
            let (one, other) = (principal.as_str(), other.as_str());
            match self.fault {
                Fault::ListsByPrefix => other.starts_with(one),
                Fault::FoldsPrincipals => other.eq_ignore_ascii_case(one),
                Fault::CutsPrincipals => other.bytes().take(191).eq(one.bytes().take(191)),
                _ => other == one,
            }
        };
        let mut list: Vec<_> = (self.shared.records.lock().unwrap().iter())
            .filter_map(|(selector, stored)| match stored {
                Stored::Good(record) => Some((selector, record)),
                Stored::Bad(_) => None,
            })
            .filter(|(selector, _)| Some(*selector) != except)
            .filter(|(selector, _)| !self.shared.unlisted.lock().unwrap().contains(selector))
            .filter(|(_, record)| with_dead || !record.is_expired(self.now()))
            .filter(|(_, record)| record.meta().principal.as_ref().is_some_and(belongs))
            .filter(|(_, record)| !self.is(Fault::UnlistsTheTouched) || self.now() < first_end(record.meta()))
            .filter(|(_, record)| !self.is(Fault::UnlistsTheRenewed) || record.meta().generation == 1)
            .map(|(selector, record)| Listed::new(*selector, record.meta().clone()))
            .collect();
        Listed::sort_oldest_first(&mut list);
        if self.is(Fault::NewestFirst) {
            list.reverse();
        }
        list
    }

    /// Makes room for one more session of `principal`; `false` if there is none.
    pub(super) fn admit(&self, selector: &Selector, principal: &Principal, max: Option<MaxSessions>) -> bool {
        let Some(max) = max.filter(|_| !self.is(Fault::NoMaximum)) else { return true };
        let except = Some(selector).filter(|_| !self.is(Fault::CountsAgain));
        let with_dead = self.is(Fault::ListsTheEnded) || self.is(Fault::EvictsForTheDead);
        let mut others = self.listed_with(principal, except, with_dead);
        if self.is(Fault::EvictsLeastRecent) {
            others.sort_by_key(|listed| listed.meta.touched);
        }
        let Some(evicted) = max.evictions(others.len()) else { return false };
        let evicted = if self.is(Fault::EvictsOne) { evicted.min(1) } else { evicted };
        for listed in others.iter().take(evicted) {
            self.shared.records.lock().unwrap().remove(&listed.selector);
        }
        true
    }
}

impl Sketch {
    /// Whether there may be one more session without a user.
    pub(super) fn admits_nobody(&self, max: Option<MaxSessions>) -> bool {
        let nobodys = |stored: &&Stored| match stored {
            Stored::Good(record) => record.meta().principal.is_none(),
            Stored::Bad(_) => false,
        };
        let count = self.shared.records.lock().unwrap().values().filter(nobodys).count();
        max.is_none_or(|max| max.evictions(count) == Some(0))
    }

    /// Locks the record, a moment later the index, and then the records of sessions that must end.
    pub(super) fn update_or_deadlock(
        &self,
        selector: &Selector,
        change: &Change,
    ) -> Result<Updated, StoreError> {
        self.shared.busy.lock().unwrap().insert(*selector);
        std::thread::sleep(std::time::Duration::from_millis(1));
        let others = change.principal.clone().flatten().map(|who| self.listed(&who, Some(selector)));
        let others = others.filter(|others| others.len() >= 3).unwrap_or_default();
        let deadlock = others.first().is_some_and(|oldest| {
            change.max_sessions.is_some() && self.shared.busy.lock().unwrap().contains(&oldest.selector)
        });
        let updated = if deadlock {
            Err(StoreError::new(StoreErrorKind::Unavailable).with_source("deadlock"))
        } else {
            self.reply(|| self.update_now(selector, change))
        };
        self.shared.busy.lock().unwrap().remove(selector);
        updated
    }

    /// Ends every session that `principal` ever signed in to, and returns how many that were.
    fn end_all_ever(&self, principal: &Principal, except: Option<&Selector>) -> u64 {
        let _writer = self.exclusive();
        let mut signed_in = self.shared.signed_in.lock().unwrap();
        let mut records = self.shared.records.lock().unwrap();
        let mut ended = 0;
        for (selector, principals) in signed_in.iter_mut().filter(|(selector, _)| Some(*selector) != except) {
            if principals.contains(principal) {
                principals.retain(|other| other != principal);
                let live = |stored: Stored| match stored {
                    Stored::Good(record) => !record.is_expired(self.now()),
                    Stored::Bad(_) => false,
                };
                ended += u64::from(records.remove(selector).is_some_and(live));
            }
        }
        ended
    }
}

impl PrincipalIndex for Sketch {
    async fn sessions_of(&self, principal: &Principal) -> Result<Vec<Listed>, StoreError> {
        let mut list = self.listed(principal, None);
        if self.is(Fault::ListsAThousand) {
            list.truncate(1_000);
        }
        Ok(list)
    }

    async fn sessions_page(
        &self,
        principal: &Principal,
        after: Option<&Selector>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        if limit == 0 && self.is(Fault::NothingForZero) {
            return Ok(Page::new(Vec::new(), None));
        }
        let mut limit = limit.max(1) as usize;
        if self.is(Fault::SignedLimits) && i32::try_from(limit).is_err() {
            limit = 0;
        }
        let short = self.is(Fault::StopsAtShortPages);
        let mut list = self.listed_with(principal, None, short || self.is(Fault::ListsTheEnded));
        if !self.is(Fault::PagesByAge) {
            list.sort_by_key(|listed| listed.selector);
        }
        let from = match after {
            None => 0,
            Some(after) if self.is(Fault::PagesByAge) || self.is(Fault::PagesFromTheStart) => {
                list.iter().position(|listed| listed.selector == *after).map_or(0, |at| at + 1)
            }
            Some(after) if self.is(Fault::PagesBySign) => {
                let signed = |selector: &Selector| i128::from_be_bytes(*selector.as_bytes());
                list.retain(|listed| signed(&listed.selector) > signed(after));
                0
            }
            Some(after) => list.partition_point(|listed| listed.selector <= *after),
        };
        let mut page: Vec<_> = list.into_iter().skip(from).take(limit).collect();
        page.retain(|listed| !short || listed.meta.expires() > self.now());
        let next = page.last().filter(|_| page.len() == limit).map(|last| last.selector);
        Ok(Page::new(page, next))
    }

    async fn count_of(&self, principal: &Principal) -> Result<u64, StoreError> {
        let with_dead = self.is(Fault::ListsTheEnded) || self.is(Fault::CountsTheExpired);
        let mut list = self.listed_with(principal, None, with_dead);
        list.retain(|listed| !self.is(Fault::CountsTheCreated) || listed.meta.signed_in == 1);
        let count = list.len() as u64;
        Ok(if self.is(Fault::CountsAFew) { count.min(10) } else { count })
    }

    async fn delete_all(&self, principal: &Principal, except: Option<&Selector>) -> Result<u64, StoreError> {
        if self.is(Fault::UnlistsBeforeItDeletesAll) {
            let all = self.listed(principal, except).into_iter().map(|listed| listed.selector);
            let all: Vec<_> = all.collect();
            self.shared.unlisted.lock().unwrap().extend(&all);
            tokio::task::yield_now().await;
            let mut records = self.shared.records.lock().unwrap();
            return Ok(all.iter().filter(|selector| records.remove(*selector).is_some()).count() as u64);
        }
        if self.is(Fault::EndsTheMoved) {
            return Ok(self.end_all_ever(principal, except));
        }
        let writer = self.exclusive();
        let mut ended = self.listed(principal, except.filter(|_| !self.is(Fault::ExceptsNobody)));
        if self.is(Fault::SparesTheYoungest) {
            ended.pop();
        }
        if self.is(Fault::EndsAThousand) {
            ended.truncate(1_000);
        }
        if self.is(Fault::EndsTheMovedInARace) {
            drop(writer);
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let mut records = self.shared.records.lock().unwrap();
        for listed in &ended {
            records.remove(&listed.selector);
        }
        if self.is(Fault::CountsTheDead) {
            let dead = |stored: &&Stored| match stored {
                Stored::Good(record) => {
                    record.is_expired(self.now()) && record.meta().principal.as_ref() == Some(principal)
                }
                Stored::Bad(_) => false,
            };
            return Ok((ended.len() + records.values().filter(dead).count()) as u64);
        }
        Ok(ended.len() as u64)
    }
}
