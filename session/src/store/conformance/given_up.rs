//! Rules about calls whose callers give up: the middleware drops a call at its deadline.
//!
//! In: a [`Bench`]. Out: a verdict per rule.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use super::{
    harness::Harness,
    index::{Asked, at_most, principal, sign_in, signed_in},
    kit::{Bench, failed, new_record, same, same_record, set, write},
    verdict::{Broken, Held, Verdict},
};
use crate::{
    id::public::Selector,
    record::{
        apply::{Outcome, Record},
        change::{Change, NewRecord, WhenFull},
    },
    store::contract::{Loaded, SessionStore},
};

/// After how many polls a caller gives up: before the call has begun, in the middle, and when it has most likely ended.
const POLLS: [u32; 8] = [0, 1, 2, 3, 5, 10, 40, 200];

/// How long a store may take to come to rest. Longer than any healthy engine needs.
const REST: Duration = Duration::from_secs(10);

const WEDGED: &str = "what a call holds must be free again once its future is dropped: locks, turns, connections, half-read replies";

const HALF: &str = "a dropped call is done or not done, perhaps a moment later; never done in part";

/// Lets the runtime do something else once.
async fn pause() {
    let mut paused = false;
    poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls a call this many times, and drops it.
fn give_up<H: Harness>(b: &Bench<'_, H>, call: impl Future, polls: u32) {
    b.harness.block_on(async move {
        let mut call = pin!(call);
        for _ in 0..polls {
            if poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready())).await {
                return;
            }
            pause().await;
        }
    });
}

/// The answer of a call that comes after one that was given up.
fn in_time<H: Harness, T>(b: &Bench<'_, H>, call: impl Future<Output = T>, name: &str) -> Result<T, Broken> {
    let begun = Instant::now();
    let answer = b.harness.block_on(async move {
        let mut call = pin!(call);
        loop {
            if let Poll::Ready(answer) = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await {
                return Some(answer);
            }
            if begun.elapsed() > REST {
                return None;
            }
            pause().await;
        }
    });
    answer.ok_or_else(|| {
        let expected = format!("an answer to `{name}` after another call was given up");
        Broken::new(expected, format!("none within {} s", REST.as_secs()), WEDGED)
    })
}

/// Checks until it holds or the store has had time to come to rest: a call that was given up may still be on its way.
fn comes_to_hold(check: impl Fn() -> Result<(), Broken>) -> Result<(), Broken> {
    let begun = Instant::now();
    loop {
        match check() {
            Err(_) if begun.elapsed() < REST => std::thread::yield_now(),
            held => return held,
        }
    }
}

/// OWASP ASVS 5.0 15.4.3.
pub(super) fn a_call_that_is_given_up_leaves_the_store_in_order<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    for (polls, round) in POLLS.into_iter().zip(0_u8..) {
        let selector = |n: u8| b.selector(round * 16 + n);
        let (begun, signs_in, changed, ended) = (selector(1), selector(2), selector(3), selector(4));
        let (name, revoked) = (round.to_string(), selector(5));
        b.created(&signs_in, &new_record(&[]))?;
        for selector in [changed, ended, revoked] {
            b.created(&selector, &signed_in(&name))?;
        }
        let new = signed_in(&name);
        give_up(b, b.store.create(&begun, &new), polls);
        let change = sign_in(&name, None);
        give_up(b, b.store.update(&signs_in, &change), polls);
        let before = b.live(&changed, "before an `update` of it is given up")?.record;
        let cells = ["a.first", "z.last"].map(|wire_key| set(wire_key, "1")).to_vec();
        let change = Change { write: cells, label: Some(Some("both".into())), ..Change::default() };
        give_up(b, b.store.update(&changed, &change), polls);
        give_up(b, b.store.delete(&ended, None), polls);
        give_up(b, b.store.delete(&revoked, Some(&principal(&name))), polls);
        give_up(b, b.store.load(&changed), polls);
        let abilities = b.store.abilities();
        if abilities.has_index() {
            give_up(b, abilities.sessions_of(&principal(&name)), polls);
        }
        // Whoever comes next is served, and finds everything done or not done.
        for selector in [begun, signs_in, changed, ended, revoked] {
            drop(in_time(b, b.store.load(&selector), "load")?);
        }
        comes_to_hold(|| is_whole(b, &begun, &new, &changed, (&before, &change)))?;
        let next = write("shop.next", "1");
        drop(in_time(b, b.store.update(&changed, &next), "update")?);
        b.live(&changed, "after an `update` of it was given up")?;
        comes_to_hold(|| is_listed_as_it_is(b, &name, &[begun, signs_in, changed, ended, revoked]))?;
        in_time(b, b.store.delete(&changed, None), "delete")?.map_err(|error| failed("delete", &error))?;
        b.dead(&changed, "after `delete`", HALF)?;
    }
    Ok(Held::Held)
}

/// Checks that a record that may have been created, and one that may have been changed, are as before or as they should be.
fn is_whole<H: Harness>(
    b: &Bench<'_, H>,
    begun: &Selector,
    new: &NewRecord,
    changed: &Selector,
    (before, change): (&Record, &Change),
) -> Result<(), Broken> {
    let half = |broken: Broken| Broken { fix: HALF.to_owned(), ..broken };
    if let Some(loaded) = b.load(begun)? {
        let whole = Record::create(new, loaded.record.meta().created);
        same_record("of a `create` that was given up", &loaded.record, &whole).map_err(half)?;
    }
    let loaded = b.live(changed, "after an `update` of it was given up")?;
    match before.apply(change, loaded.now) {
        Outcome::Done(whole) if *loaded.record != *before => {
            same_record("of an `update` that was given up", &loaded.record, &whole).map_err(half)
        }
        _ => Ok(()),
    }
}

/// A sign-in for which another session ends is one step, and what `delete_all` has not ended when it is given up, the next one ends.
pub(super) fn what_is_given_up_loses_no_session_from_the_index<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    let cases = [false, true].into_iter().flat_map(|updates| POLLS.map(|polls| (updates, polls)));
    for ((updates, polls), round) in cases.zip(0_u8..) {
        let selector = |n: u8| b.selector(round * 16 + n);
        let name = round.to_string();
        let old = [selector(1), selector(2), selector(3)];
        for selector in &old {
            b.created(selector, &signed_in(&name))?;
            b.pass(Duration::from_millis(2));
        }
        let evict = at_most(WhenFull::EvictOldest);
        if updates {
            b.created(&selector(4), &new_record(&[]))?;
            give_up(b, b.store.update(&selector(4), &sign_in(&name, evict)), polls);
        } else {
            let new = NewRecord { max_sessions: evict, ..signed_in(&name) };
            give_up(b, b.store.create(&selector(4), &new), polls);
        }
        let (before, after) = (old.to_vec(), vec![selector(2), selector(3), selector(4)]);
        comes_to_hold(|| {
            let listed: Vec<_> = index.list(&name)?.into_iter().map(|listed| listed.selector).collect();
            if listed == before || listed == after {
                return Ok(());
            }
            let expected = "the oldest session and not the new one, or the new one and not the oldest, after a sign-in \
                with a maximum was given up";
            Err(Broken::new(expected, format!("{} of them", listed.len()), HALF))
        })?;
        give_up(b, b.store.abilities().delete_all(&principal(&name), None), polls);
        index.delete_all(&name, None)?;
        for selector in &old {
            b.dead(selector, "after a `delete_all` that came after one that was given up", HALF)?;
        }
    }
    Ok(Held::Held)
}

/// Checks that the list of a principal has the sessions that are live, if the store has an index.
fn is_listed_as_it_is<H: Harness>(b: &Bench<'_, H>, name: &str, of: &[Selector]) -> Result<(), Broken> {
    let abilities = b.store.abilities();
    if !abilities.has_index() {
        return Ok(());
    }
    let principal = principal(name);
    let mut live = Vec::new();
    for selector in of {
        let belongs = |loaded: &Loaded| loaded.record.meta().principal.as_ref() == Some(&principal);
        live.extend(b.load(selector)?.filter(belongs).map(|_| *selector));
    }
    let listed = in_time(b, abilities.sessions_of(&principal), "sessions_of")?;
    let listed = listed.map_err(|error| failed("sessions_of", &error))?;
    let mut listed: Vec<_> = listed.into_iter().map(|listed| listed.selector).collect();
    live.sort_unstable();
    listed.sort_unstable();
    same("the listed sessions are the live ones after calls were given up", &listed, &live)
        .map_err(|broken| Broken { fix: HALF.to_owned(), ..broken })
}
