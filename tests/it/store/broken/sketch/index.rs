//! The index of the sketch, which looks through all records, and what can be wrong with that.

use actix_typed_session::{
    change::MaxSessions,
    id::Selector,
    record::Principal,
    store::{Listed, Page, PrincipalIndex, StoreError},
};

use super::{Fault, Sketch, Stored};

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
        for listed in others.iter().take(evicted) {
            self.shared.records.lock().unwrap().remove(&listed.selector);
        }
        true
    }
}

impl PrincipalIndex for Sketch {
    async fn sessions_of(&self, principal: &Principal) -> Result<Vec<Listed>, StoreError> {
        Ok(self.listed(principal, None))
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
        let limit = limit.max(1) as usize;
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
            Some(after) => list.partition_point(|listed| listed.selector <= *after),
        };
        let mut page: Vec<_> = list.into_iter().skip(from).take(limit).collect();
        page.retain(|listed| !short || listed.meta.expires() > self.now());
        let next = page.last().filter(|_| page.len() == limit).map(|last| last.selector);
        Ok(Page::new(page, next))
    }

    async fn count_of(&self, principal: &Principal) -> Result<u64, StoreError> {
        let with_dead = self.is(Fault::ListsTheEnded) || self.is(Fault::CountsTheExpired);
        let count = self.listed_with(principal, None, with_dead).len() as u64;
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
        let _writer = self.exclusive();
        let mut ended = self.listed(principal, except.filter(|_| !self.is(Fault::ExceptsNobody)));
        if self.is(Fault::SparesTheYoungest) {
            ended.pop();
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
