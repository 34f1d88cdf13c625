//! Rules about the sessions of principals, for stores that have an index.
//!
//! In: a [`Bench`]. Out: a verdict per rule; skipped without an index.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use super::{
    harness::Harness,
    kit::{Bench, LONG, answer, failed, guarded, new_record, same},
    races::{Writer, overlap, overloaded},
    verdict::{Broken, Held, Verdict},
};
use crate::{
    id::public::Selector,
    record::{
        change::{Change, MaxSessions, NewRecord, WhenFull},
        json::Json,
        meta::Principal,
        time::Limits,
    },
    store::{
        abilities::Abilities,
        contract::{Created, SessionStore, Updated},
        index::{Listed, Page},
    },
};

const MOST: u32 = 3;

/// How often each writer signs in in a race; few enough for a small store.
const MOST_EACH: u8 = 40;

pub(super) const LIST: &str =
    "list the live sessions of one principal and nothing else, the oldest sign-in first";

pub(super) const PAGES: &str = "give each session a place that it keeps, and begin a page after the place of `after`, whether or not there is a session";

/// More pages than the sessions of any rule.
const MOST_PAGES: usize = 100;

const ALONE: &str = "let sign-ins of one principal take turns, from counting to the end of the write";

const FINAL: &str = "end every sign-in that was acknowledged before `delete_all` began";

pub(super) fn principal(name: &str) -> Principal {
    Principal::new("shop.user", &Json::from_store(name))
}

pub(super) fn signed_in(name: &str) -> NewRecord {
    NewRecord { principal: Some(principal(name)), authenticated: true, ..new_record(&[("shop.user", name)]) }
}

pub(super) fn at_most(when_full: WhenFull) -> Option<MaxSessions> {
    NonZeroU32::new(MOST).map(|most| MaxSessions::new(most, when_full))
}

pub(super) fn sign_in(name: &str, max_sessions: Option<MaxSessions>) -> Change {
    Change {
        principal: Some(Some(principal(name))),
        authenticated: true,
        limits: Some(LONG),
        touch: true,
        max_sessions,
        ..Change::default()
    }
}

/// The index of one handle of the store.
pub(super) struct Asked<'a, H: Harness> {
    harness: &'a H,
    index: Abilities<'a>,
}

impl<'a, H: Harness> Asked<'a, H> {
    pub(super) fn of(b: &'a Bench<'_, H>) -> Option<Self> {
        let index = b.store.abilities();
        index.has_index().then_some(Self { harness: b.harness, index })
    }

    pub(super) fn list(&self, name: &str) -> Result<Vec<Listed>, Broken> {
        self.harness
            .block_on(self.index.sessions_of(&principal(name)))
            .map_err(|error| failed("sessions_of", &error))
    }

    fn selectors(&self, name: &str) -> Result<Vec<Selector>, Broken> {
        Ok(self.list(name)?.into_iter().map(|listed| listed.selector).collect())
    }

    pub(super) fn expect(&self, name: &str, expected: &[Selector], when: &str) -> Result<(), Broken> {
        let seen = self.selectors(name)?;
        if seen != expected {
            return Err(Broken::new(format!("{expected:?} {when}"), format!("{seen:?}"), LIST));
        }
        let count = self.count(name)?;
        if count >= u64::try_from(expected.len()).unwrap_or(u64::MAX) {
            return Ok(());
        }
        let expected = format!("a count of at least {} {when}", expected.len());
        Err(Broken::new(expected, count.to_string(), "count every session that is listed"))
    }

    /// All pages of `limit` sessions after `after`.
    pub(super) fn pages(
        &self,
        name: &str,
        mut after: Option<Selector>,
        limit: u32,
    ) -> Result<Vec<Listed>, Broken> {
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let page = self.page(name, after.as_ref(), limit)?;
            if page.sessions.len() > usize::try_from(limit).unwrap_or(usize::MAX) {
                let seen = page.sessions.len().to_string();
                return Err(Broken::new(format!("at most {limit} sessions in a page"), seen, PAGES));
            }
            all.extend(page.sessions);
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
        Err(Broken::new("a last page, without `next`", format!("{MOST_PAGES} pages with one"), PAGES))
    }

    pub(super) fn page(&self, name: &str, after: Option<&Selector>, limit: u32) -> Result<Page, Broken> {
        self.harness
            .block_on(self.index.sessions_page(&principal(name), after, limit))
            .map_err(|error| failed("sessions_page", &error))
    }

    pub(super) fn count(&self, name: &str) -> Result<u64, Broken> {
        self.harness
            .block_on(self.index.count_of(&principal(name)))
            .map_err(|error| failed("count_of", &error))
    }

    pub(super) fn delete_all(&self, name: &str, except: Option<&Selector>) -> Result<u64, Broken> {
        self.harness
            .block_on(self.index.delete_all(&principal(name), except))
            .map_err(|error| failed("delete_all", &error))
    }
}

pub(super) fn a_list_holds_the_live_sessions_of_one_principal<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    let short = Limits { idle: Duration::from_millis(400), ..LONG };
    let ends = NewRecord { limits: short, ..signed_in("1") };
    index.expect("1", &[], "before the first sign-in")?;
    b.created(&b.selector(1), &signed_in("1"))?;
    b.pass(Duration::from_millis(2));
    b.created(&b.selector(2), &NewRecord { label: Some("a browser".into()), ..signed_in("1") })?;
    b.pass(Duration::from_millis(2));
    b.created(&b.selector(3), &ends)?;
    b.created(&b.selector(4), &signed_in("11"))?;
    b.created(&b.selector(5), &new_record(&[("shop.user", "1")]))?;
    b.pass(Duration::from_millis(401));
    index.expect(
        "1",
        &[b.selector(1), b.selector(2)],
        "of the sessions of one principal, after one has expired",
    )?;
    index.expect("11", &[b.selector(4)], "among the sessions of another principal")?;
    for listed in index.list("1")? {
        same(
            "the meta in a list is the meta of the record",
            &listed.meta,
            b.live(&listed.selector, "that is listed")?.record.meta(),
        )?;
    }
    Ok(Held::Held)
}

pub(super) fn a_session_is_listed_from_its_sign_in_to_its_end<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    let (first, second) = (b.selector(1), b.selector(2));
    b.created(&first, &new_record(&[]))?;
    b.created(&second, &signed_in("1"))?;
    b.pass(Duration::from_millis(2));
    b.updated(&first, &sign_in("1", None), "that signs in")?;
    index.expect("1", &[second, first], "after an update that signed in")?;
    b.pass(Duration::from_millis(2));
    b.updated(&second, &sign_in("1", None), "that signs in again")?;
    index.expect("1", &[first, second], "after the older one signed in again")?;
    b.updated(&first, &Change { principal: Some(None), ..Change::default() }, "that signs out")?;
    index.expect("1", &[second], "after an update that signed out")?;
    b.updated(&first, &sign_in("2", None), "that signs in another user")?;
    b.updated(&first, &sign_in("3", None), "that changes the principal")?;
    index.expect("2", &[], "for the principal that the session no longer has")?;
    index.expect("3", &[first], "for the principal that the session has now")?;
    b.delete(&second)?;
    index.expect("1", &[], "after a delete")?;
    Ok(Held::Held)
}

pub(super) fn delete_all_ends_the_sessions_of_one_principal<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    for n in 1..=3 {
        b.created(&b.selector(n), &signed_in("1"))?;
        b.pass(Duration::from_millis(2));
    }
    b.created(&b.selector(4), &signed_in("2"))?;
    let short = Limits { idle: Duration::from_millis(100), ..LONG };
    b.created(&b.selector(5), &NewRecord { limits: short, ..signed_in("1") })?;
    b.pass(Duration::from_millis(101));
    same("the answer of `delete_all` but one", &index.delete_all("1", Some(&b.selector(2)))?, &2)?;
    index.expect("1", &[b.selector(2)], "after `delete_all` but one")?;
    for n in [1, 3] {
        b.dead(&b.selector(n), "after `delete_all` but another", FINAL)?;
        b.gone(&b.selector(n), &sign_in("1", None), "after `delete_all`")?;
    }
    b.live(&b.selector(2), "that `delete_all` excepts")?;
    same("the answer of `delete_all`", &index.delete_all("1", None)?, &1)?;
    b.dead(&b.selector(2), "after `delete_all`", FINAL)?;
    same("the answer of a second `delete_all`", &index.delete_all("1", None)?, &0)?;
    b.live(&b.selector(4), "of another principal after `delete_all`")?;
    Ok(Held::Held)
}

pub(super) fn one_more_than_allowed_is_refused_or_ends_the_oldest<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    let (reject, evict) = (at_most(WhenFull::RejectNew), at_most(WhenFull::EvictOldest));
    let short = Limits { idle: Duration::from_millis(400), ..LONG };
    b.created(&b.selector(0), &NewRecord { limits: short, ..signed_in("1") })?;
    b.pass(Duration::from_millis(401));
    for n in 1..=3 {
        // The first session has expired and does not count.
        b.created(&b.selector(n), &NewRecord { max_sessions: reject, ..signed_in("1") })?;
        b.pass(Duration::from_millis(2));
    }
    let (more, anonymous) = (b.selector(4), b.selector(5));
    let refused = b.create(&more, &NewRecord { max_sessions: reject, ..signed_in("1") })?;
    same("`create` of one more", &refused, &Created::TooMany)?;
    b.dead(&more, "after `TooMany`", ALONE)?;
    let before = b.created(&anonymous, &new_record(&[("shop.cart", "[]")]))?;
    let refused = b.update(&anonymous, &sign_in("1", reject))?;
    if refused != Updated::TooMany {
        return Err(Broken::new("`TooMany` of an update that signs in one more", answer(&refused), ALONE));
    }
    same(
        "the record after `TooMany`",
        &b.live(&anonymous, "after `TooMany`")?.record.meta().revision,
        &before.record.meta().revision,
    )?;
    b.updated(&b.selector(2), &sign_in("1", reject), "that signs in again when the maximum is reached")?;
    index.expect("1", &[b.selector(1), b.selector(3), b.selector(2)], "after refusals")?;

    b.pass(Duration::from_millis(2));
    b.updated(&anonymous, &sign_in("1", evict), "that signs in one more, and may end another")?;
    index.expect("1", &[b.selector(3), b.selector(2), anonymous], "after the oldest was ended")?;
    b.dead(&b.selector(1), "after it was the oldest of too many", ALONE)?;
    b.pass(Duration::from_millis(2));
    b.created(&more, &NewRecord { max_sessions: evict, ..signed_in("1") })?;
    index.expect("1", &[b.selector(2), anonymous, more], "after the oldest was ended by a `create`")?;
    // One that has expired makes room, although it signed in last.
    b.delete(&anonymous)?;
    b.created(&b.selector(7), &NewRecord { limits: short, ..signed_in("1") })?;
    b.pass(Duration::from_millis(401));
    b.created(&b.selector(8), &NewRecord { max_sessions: evict, ..signed_in("1") })?;
    index.expect("1", &[b.selector(2), more, b.selector(8)], "after the latest had expired")?;
    b.created(&b.selector(6), &NewRecord { max_sessions: reject, ..signed_in("2") })?;
    Ok(Held::Held)
}

/// A sign-in that is answered with anything but success has no effect on the user's other sessions.
pub(super) fn a_sign_in_that_is_not_made_ends_no_session<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    const FIRST: &str =
        "decide whether the sign-in is made before you end other sessions for it, and do both atomically";
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    let evict = at_most(WhenFull::EvictOldest);
    let (anonymous, missing) = (b.selector(4), b.selector(5));
    for n in 1..=3 {
        b.created(&b.selector(n), &signed_in("1"))?;
        b.pass(Duration::from_millis(2));
    }
    b.created(&anonymous, &new_record(&[("shop.cart", "[]")]))?;
    let all = [b.selector(1), b.selector(2), b.selector(3)];
    let spared = |when: &str| {
        index.expect("1", &all, when).map_err(|broken| Broken { fix: FIRST.to_owned(), ..broken })
    };
    for taken in [anonymous, b.selector(1)] {
        let exists = b.create(&taken, &NewRecord { max_sessions: evict, ..signed_in("1") })?;
        same("`create` on an existing record", &exists, &Created::Exists)?;
        spared("after a `create` that answers `Exists`")?;
    }
    let generation = Change { expected_generation: Some(9), ..sign_in("1", evict) };
    for conflicting in [guarded(sign_in("1", evict), "shop.cart", None), generation] {
        if !matches!(b.update(&anonymous, &conflicting)?, Updated::Conflict(_)) {
            return Err(Broken::new(
                "`Conflict`",
                "another answer",
                "compare the guards before anything else",
            ));
        }
        spared("after an `update` that answers `Conflict`")?;
    }
    b.gone(&missing, &sign_in("1", evict), "on a missing record")?;
    spared("after an `update` that answers `Gone`")?;
    let stillborn = Limits { idle: Duration::ZERO, ..LONG };
    b.gone(&anonymous, &Change { limits: Some(stillborn), ..sign_in("1", evict) }, "that leaves no time")?;
    spared("after an `update` that leaves no time to live")?;
    Ok(Held::Held)
}

pub(super) fn a_longer_life_does_not_make_a_session_younger<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    for n in 1..=3 {
        b.created(&b.selector(n), &signed_in("1"))?;
        b.pass(Duration::from_millis(2));
    }
    let longer =
        Change { authenticated: false, limits: Some(LONG), ..sign_in("1", at_most(WhenFull::EvictOldest)) };
    b.updated(&b.selector(1), &longer, "that gives a session a longer life")?;
    index.expect(
        "1",
        &[b.selector(1), b.selector(2), b.selector(3)],
        "after the oldest got a longer life",
    )?;
    b.pass(Duration::from_millis(2));
    b.created(&b.selector(4), &NewRecord { max_sessions: at_most(WhenFull::EvictOldest), ..signed_in("1") })?;
    b.dead(&b.selector(1), "after one more than allowed signed in and it was the oldest", ALONE)?;
    index.expect("1", &[b.selector(2), b.selector(3), b.selector(4)], "after the oldest was ended")?;
    Ok(Held::Held)
}

/// OWASP ASVS 5.0 7.1.2.
pub(super) fn racing_sign_ins_keep_to_the_maximum<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    let most = usize::try_from(MOST).unwrap_or(usize::MAX);
    for (round, when_full) in
        [WhenFull::RejectNew, WhenFull::EvictOldest].into_iter().cycle().take(6).enumerate()
    {
        let name = round.to_string();
        let max_sessions = at_most(when_full);
        // Half of the writers create a session, and the other half sign in to an existing one.
        let selector = |n: u8| b.selector(u8::try_from(round).unwrap_or(0) * 8 + n);
        let begins = |n: u8| n % 4 < 2;
        for n in (0..8).filter(|n| !begins(*n)) {
            b.created(&selector(n), &new_record(&[]))?;
        }
        let admitted = overlap(b, |writer| {
            let selector = selector(writer.n);
            if begins(writer.n) {
                let new = NewRecord { max_sessions, ..signed_in(&name) };
                let created = writer.harness.block_on(writer.store.create(&selector, &new));
                return Ok((
                    selector,
                    created.map_err(|error| overloaded("create", &error))? == Created::Created,
                ));
            }
            let updated = writer.update(&selector, &sign_in(&name, max_sessions))?;
            Ok((selector, matches!(updated, Updated::Done { .. })))
        })?;
        let admitted: Vec<_> =
            admitted.into_iter().filter(|(_, yes)| *yes).map(|(selector, _)| selector).collect();
        let expected = if when_full == WhenFull::RejectNew { most } else { 8 };
        if admitted.len() != expected {
            let seen = format!("{} of 8", admitted.len());
            return Err(Broken::new(
                format!("{expected} sign-ins admitted, with {when_full:?}"),
                seen,
                ALONE,
            ));
        }
        let mut live = Vec::new();
        for selector in &admitted {
            live.extend(
                b.load(selector)?
                    .filter(|loaded| loaded.record.meta().principal.is_some())
                    .map(|_| *selector),
            );
        }
        let mut listed = index.selectors(&name)?;
        live.sort_unstable();
        listed.sort_unstable();
        same("the listed sessions are the live ones", &listed, &live)?;
        same("live sessions after a race", &live.len(), &most)?;
    }
    Ok(Held::Held)
}

/// OWASP ASVS 5.0 7.4.2.
pub(super) fn delete_all_is_final<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    for round in 0..6_u8 {
        let name = round.to_string();
        let (begun, done) = (AtomicBool::new(false), AtomicBool::new(false));
        let sign_in = |writer: &Writer<'_, H>, n: u8| {
            let mut selector = *b.selector(round).as_bytes();
            (selector[0], selector[1]) = (writer.n, n);
            let selector = Selector::from_bytes(selector);
            // `after` is read before the sign-in, and `begun` after it. A sign-in in between may end either way.
            let after = done.load(Ordering::SeqCst);
            let created = writer.harness.block_on(writer.store.create(&selector, &signed_in(&name)));
            same("`create`", &created.map_err(|error| overloaded("create", &error))?, &Created::Created)?;
            Ok((selector, !begun.load(Ordering::SeqCst), after))
        };
        let sessions = overlap(b, |writer| {
            if writer.n == 0 {
                let first = sign_in(&writer, 0)?;
                let index = writer.store.abilities();
                if !index.has_index() {
                    let fix = "answer the same abilities on every handle";
                    return Err(Broken::new("an index on every handle", "none", fix));
                }
                begun.store(true, Ordering::SeqCst);
                let ended = writer.harness.block_on(index.delete_all(&principal(&name), None));
                ended.map_err(|error| overloaded("delete_all", &error))?;
                done.store(true, Ordering::SeqCst);
                return Ok(vec![first]);
            }
            let mut sessions = Vec::new();
            let mut left_after = 2;
            for n in 0..MOST_EACH {
                let session = sign_in(&writer, n)?;
                left_after -= u8::from(session.2);
                sessions.push(session);
                if left_after == 0 {
                    break;
                }
            }
            Ok(sessions)
        })?;
        let mut live = Vec::new();
        for (selector, before, after) in sessions.into_iter().flatten() {
            if before {
                b.dead(&selector, "when it was acknowledged before `delete_all` began", FINAL)?;
            } else if after {
                b.live(&selector, "that began after `delete_all` returned")?;
            }
            live.extend(b.load(&selector)?.map(|_| selector));
        }
        let mut listed = index.selectors(&name)?;
        listed.sort_unstable();
        live.sort_unstable();
        same("the listed sessions are the live ones", &listed, &live)?;
        index.delete_all(&name, None)?;
        for selector in live {
            b.dead(&selector, "after a second `delete_all`", FINAL)?;
        }
    }
    Ok(Held::Held)
}
