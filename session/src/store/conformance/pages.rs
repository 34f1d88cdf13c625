//! Rules about the sessions of principals in pages, for stores that have an index.
//!
//! In: a [`Bench`]. Out: a verdict per rule; skipped without an index.

use std::time::Duration;

use super::{
    harness::Harness,
    index::{Asked, PAGES, sign_in, signed_in},
    kit::{Bench, LONG, new_record, same},
    races::{overlap, overloaded},
    verdict::{Broken, Held, Verdict},
};
use crate::{
    record::{change::NewRecord, time::Limits},
    store::{
        contract::{Created, SessionStore},
        index::Listed,
    },
};

const HOLES: &str = "a page with fewer sessions than asked for is not the last one: go on after the last entry that was looked at";

pub(super) fn pages_show_every_session_once<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    const SESSIONS: u8 = 11;
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    same("the pages of nobody's sessions", &index.pages("1", None, 3)?, &Vec::new())?;
    same("the number of nobody's sessions", &index.count("1")?, &0)?;
    for n in 0..SESSIONS {
        b.created(&b.selector(n), &signed_in("1"))?;
    }
    b.created(&b.selector(SESSIONS), &signed_in("11"))?;
    b.created(&b.selector(SESSIONS + 1), &new_record(&[]))?;
    same("the number of sessions", &index.count("1")?, &u64::from(SESSIONS))?;
    let mut order = index.pages("1", None, 100)?;
    let sorted = |list: &[Listed]| {
        let mut list = list.to_vec();
        list.sort_by_key(|listed| listed.selector);
        list
    };
    same("the sessions in one page", &sorted(&order), &sorted(&index.list("1")?))?;
    for limit in 1..=u32::from(SESSIONS) + 1 {
        same("the sessions in smaller pages, in the same order", &index.pages("1", None, limit)?, &order)?;
    }
    same(
        "the number of sessions in a page of 0, which counts as 1",
        &index.page("1", None, 0)?.sessions.len(),
        &1,
    )?;
    for limit in [u32::MAX, i32::MAX.unsigned_abs()] {
        same("the sessions in one page of any size", &index.pages("1", None, limit)?, &order)?;
    }
    // A page begins at the same place when the session before it has ended.
    let mut after = order.split_off(1);
    while let [ended, rest @ ..] = &*after {
        b.delete(&ended.selector)?;
        same(
            "the sessions after one that has ended",
            &index.pages("1", Some(ended.selector), 2)?,
            &rest.to_vec(),
        )?;
        after.remove(0);
    }
    same("the pages of the session that is left", &index.pages("1", None, 3)?, &order)?;
    Ok(Held::Held)
}

/// An engine may have a most for the answer to one request, such as 1,000 entries.
pub(super) fn very_many_sessions_are_all_found<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    const EACH: u8 = 130;
    const ALL: &str = "ask the engine until it has no more";
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    let selectors = overlap(b, |writer| {
        let selectors: Vec<_> = (0..EACH).map(|n| writer.selector(b.selector(n))).collect();
        for selector in &selectors {
            let created = writer.harness.block_on(writer.store.create(selector, &signed_in("1")));
            same("`create`", &created.map_err(|error| overloaded("create", &error))?, &Created::Created)?;
        }
        Ok(selectors)
    })?;
    let all = |broken: Broken| Broken { fix: ALL.to_owned(), ..broken };
    let total = selectors.iter().map(Vec::len).sum::<usize>();
    same("the number of sessions in a list", &index.list("1")?.len(), &total).map_err(all)?;
    for limit in [u32::from(EACH), u32::MAX] {
        let paged = index.pages("1", None, limit)?.len();
        same("the number of sessions in pages", &paged, &total).map_err(all)?;
    }
    let total = u64::try_from(total).unwrap_or(u64::MAX);
    same("the number of sessions", &index.count("1")?, &total).map_err(all)?;
    same("the answer of `delete_all`", &index.delete_all("1", None)?, &total).map_err(all)?;
    for selector in selectors.iter().flatten() {
        b.dead(selector, "after `delete_all`", ALL)?;
    }
    Ok(Held::Held)
}

/// Sessions that expire leave holes in pages, and counts that come to be right.
pub(super) fn pages_and_counts_pass_over_the_expired<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    let short = Limits { idle: Duration::from_millis(400), ..LONG };
    let lives = |n: u8| n % 5 == 4;
    for n in 0..15 {
        let limits = if lives(n) { LONG } else { short };
        b.created(&b.selector(n), &NewRecord { limits, ..signed_in("1") })?;
    }
    b.pass(Duration::from_millis(401));
    for limit in [1, 2, 3, 4, 20] {
        let seen = index.pages("1", None, limit)?.into_iter().map(|listed| listed.selector);
        let mut seen: Vec<_> = seen.collect();
        seen.sort_unstable();
        let mut live: Vec<_> = (0..15).filter(|n| lives(*n)).map(|n| b.selector(n)).collect();
        live.sort_unstable();
        if seen != live {
            let expected = format!("{live:?} in pages of {limit}, with expired sessions between them");
            return Err(Broken::new(expected, format!("{seen:?}"), HOLES));
        }
    }
    // A store whose engine does not count may find out only when it looks at the sessions.
    index.list("1")?;
    let fix = "count live sessions; what a list has found to be over must not be counted any more";
    let counted = index.count("1")?;
    if counted == 3 {
        return Ok(Held::Held);
    }
    Err(Broken::new("a count of 3 after a list of the 3 live sessions", counted.to_string(), fix))
}

pub(super) fn pages_miss_no_session_while_others_come_and_go<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    // The first twelve stay. While the pages are read, the others end, as many begin, and some that stay sign in again.
    for n in 0..18 {
        b.created(&b.selector(n), &signed_in("1"))?;
        b.pass(Duration::from_millis(2));
    }
    let (mut seen, mut after, mut pages) = (Vec::new(), None, 0_u8);
    loop {
        let page = index.page("1", after.as_ref(), 2)?;
        seen.extend(page.sessions.into_iter().map(|listed| listed.selector));
        (after, pages) = (page.next, pages + 1);
        if after.is_none() {
            break;
        }
        if pages <= 6 {
            b.delete(&b.selector(11 + pages))?;
            b.created(&b.selector(17 + pages), &signed_in("1"))?;
            b.updated(&b.selector(2 * pages - 2), &sign_in("1", None), "that signs in again")?;
            b.pass(Duration::from_millis(2));
        }
        if pages > 100 {
            return Err(Broken::new("a last page, without `next`", "100 pages with one", PAGES));
        }
    }
    for n in 0..12 {
        let times = seen.iter().filter(|seen| **seen == b.selector(n)).count();
        if times != 1 {
            let expected = "every session that lives all the time once in the pages";
            return Err(Broken::new(expected, format!("one of them {times} times"), PAGES));
        }
    }
    let mut once = seen.clone();
    once.sort_unstable();
    once.dedup();
    same("the number of sessions in the pages, each once", &once.len(), &seen.len())?;
    let (count, live) = (index.count("1")?, index.list("1")?.len());
    if count < u64::try_from(live).unwrap_or(u64::MAX) {
        return Err(Broken::new(
            format!("a count of at least {live}"),
            count.to_string(),
            "count every live session",
        ));
    }
    Ok(Held::Held)
}
