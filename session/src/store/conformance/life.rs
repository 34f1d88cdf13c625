//! Rules about the beginning and the end of records.
//!
//! In: a [`Bench`]. Out: a verdict per rule. Never: a race.

use std::time::Duration;

use super::{
    harness::Harness,
    kit::{Bench, LONG, failed, guarded, new_record, same, same_record, set, uninvited, verifier, write},
    verdict::{Broken, Held, Verdict},
};
use crate::{
    id::public::Selector,
    record::{
        apply::Record,
        change::{CellWrite, Change, NewRecord},
        json::Json,
        meta::Principal,
        time::Limits,
    },
    store::contract::{Created, Loaded, SessionStore},
};

const MILLI: Duration = Duration::from_millis(1);

/// Long enough for a few calls on a running clock, short enough to wait for.
const SHORT: Duration = Duration::from_millis(250);

const LIVES: &str = "a record is dead when `now >= expires`, by the store's clock at the moment of the call";

fn idle_for(idle: Duration) -> NewRecord {
    NewRecord { limits: Limits { idle, ..LONG }, ..new_record(&[("shop.user", "7")]) }
}

pub(super) fn create_then_load_gives_the_record<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let mut full = new_record(&[("shop.user", "7"), ("shop.cart", "[{\"sku\":11}]"), ("auth.mfa", "null")]);
    full.cells.push(CellWrite { ttl: Some(Duration::from_secs(60)), ..set("shop.code", "123456") });
    full.principal = Some(Principal::new("shop.user", &Json::from_store("7")));
    full.authenticated = true;
    full.persistent = true;
    full.label = Some("Firefox on Linux".into());
    let healthy = || b.harness.block_on(b.store.health()).map_err(|error| failed("health", &error));
    healthy()?;
    for (n, new) in [full, new_record(&[])].iter().enumerate() {
        let selector = b.selector(u8::try_from(n).unwrap_or_default());
        b.dead(&selector, "before `create`", "`Harness::store` makes a store without records")?;
        let Loaded { record, now } = b.created(&selector, new)?;
        let begun = record.meta().created;
        if begun > now {
            let fix = "`created` and `Loaded::now` are times of one clock, the store's";
            return Err(Broken::new(
                "a record that was created before it is loaded",
                format!("{begun:?} > {now:?}"),
                fix,
            ));
        }
        same_record("after `create`", &record, &Record::create(new, begun))?;
    }
    healthy()?;
    Ok(Held::Held)
}

pub(super) fn create_on_an_existing_record_changes_nothing<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let selector = b.selector(1);
    b.created(&selector, &new_record(&[("shop.user", "1"), ("shop.cart", "[1]")]))?;
    let before = b.updated(&selector, &write("shop.cart", "[2]"), "on a live record")?.record;
    let intruder =
        NewRecord { verifier: verifier(9), ..new_record(&[("shop.user", "2"), ("shop.more", "0")]) };
    same("`create` on a live record", &b.create(&selector, &intruder)?, &Created::Exists)?;
    same_record("after `create` answered `Exists`", &b.live(&selector, "after `Exists`")?.record, &before)?;
    // The same for a new record without time to live: it must not remove the existing one.
    let stillborn = NewRecord { limits: Limits { idle: Duration::ZERO, ..LONG }, ..intruder };
    same("`create` without time on a live record", &b.create(&selector, &stillborn)?, &Created::Exists)?;
    same_record("after `create` answered `Exists`", &b.live(&selector, "after `Exists`")?.record, &before)?;
    Ok(Held::Held)
}

/// On an expired record that has not been swept, both answers are right: `Exists`, which changes nothing, and `Created`, which replaces the
/// whole record. Wrong is a mixture, with cells of the old session in the new one.
pub(super) fn create_on_an_expired_record_hands_out_nothing_old<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let selector = b.selector(1);
    b.create(&selector, &NewRecord { cells: vec![set("shop.secret", "1")], ..idle_for(SHORT) })?;
    b.pass(SHORT + MILLI);
    let new = NewRecord { verifier: verifier(9), ..new_record(&[("shop.user", "2")]) };
    match b.create(&selector, &new)? {
        Created::Exists => b.dead(&selector, "after `Exists` on an expired record", LIVES)?,
        Created::TooMany => return Err(uninvited()),
        Created::Created => {
            let record = b.live(&selector, "after `Created` on an expired record")?.record;
            same_record("in place of an expired one", &record, &Record::create(&new, record.meta().created))?;
        }
    }
    Ok(Held::Held)
}

pub(super) fn create_without_time_to_live_leaves_nothing<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let none = [Limits { idle: Duration::ZERO, ..LONG }, Limits { absolute: Duration::ZERO, ..LONG }];
    for (n, limits) in (1..).zip(none) {
        let (selector, stillborn) = (b.selector(n), NewRecord { limits, ..new_record(&[]) });
        same("`create` without time to live", &b.create(&selector, &stillborn)?, &Created::Created)?;
        b.dead(&selector, "after a `create` without time to live", LIVES)?;
        same("`create` where nothing was left", &b.create(&selector, &new_record(&[]))?, &Created::Created)?;
        b.delete(&selector)?;
        b.create(&selector, &stillborn)?;
        b.gone(&selector, &Change::default(), "after a `create` without time to live")?;
    }
    Ok(Held::Held)
}

/// express-session #632; scs; tower-sessions-stores; CVE-2015-3982.
pub(super) fn update_on_a_missing_record_creates_nothing<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let selector = b.selector(1);
    let touch = Change { touch: true, ..Change::default() };
    let absent = guarded(write("shop.user", "7"), "shop.user", None);
    for change in
        [write("shop.user", "7"), touch, absent, Change { expected_generation: Some(1), ..Change::default() }]
    {
        b.gone(&selector, &change, "on a selector that never had a record")?;
        b.dead(&selector, "after `Gone`", "`update` writes only where a live record is; no upsert")?;
    }
    b.created(&selector, &new_record(&[("shop.user", "7")]))?;
    b.delete(&selector)?;
    b.gone(&selector, &write("shop.user", "7"), "on a deleted record")?;
    b.dead(
        &selector,
        "after `Gone` on a deleted record",
        "`update` writes only where a live record is; no upsert",
    )?;
    // Remains of the old record must not prevent a new session, or show up in it.
    let new = new_record(&[("shop.cart", "[]")]);
    let record = b.created(&selector, &new)?.record;
    same_record("after `create`", &record, &Record::create(&new, record.meta().created))?;
    Ok(Held::Held)
}

pub(super) fn update_on_an_expired_record_is_gone<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let changes = [
        write("shop.user", "8"),
        Change { touch: true, authenticated: true, ..Change::default() },
        Change { limits: Some(LONG), touch: true, ..Change::default() },
        // `Gone` comes before `Conflict`, because there is no current record to return.
        guarded(write("shop.user", "8"), "shop.user", Some(999)),
    ];
    for (n, _) in (1..).zip(&changes) {
        b.create(&b.selector(n), &idle_for(SHORT))?;
    }
    b.pass(SHORT + MILLI);
    for (n, change) in (1..).zip(&changes) {
        b.gone(&b.selector(n), change, "on an expired record")?;
        b.dead(&b.selector(n), "after `Gone` on an expired record", LIVES)?;
    }
    Ok(Held::Held)
}

pub(super) fn update_that_leaves_no_time_deletes<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    for (n, limits) in
        (1..).zip([Limits { idle: Duration::ZERO, ..LONG }, Limits { absolute: Duration::ZERO, ..LONG }])
    {
        let selector = b.selector(n);
        b.created(&selector, &new_record(&[("shop.user", "7")]))?;
        let change = Change { limits: Some(limits), ..write("shop.user", "8") };
        b.gone(&selector, &change, "when the change leaves no time to live")?;
        b.dead(&selector, "after such a change", "delete the record atomically with the decision")?;
        b.gone(&selector, &Change { limits: Some(LONG), ..Change::default() }, "after such a change")?;
    }
    Ok(Held::Held)
}

pub(super) fn a_record_is_dead_exactly_at_its_end<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    if !b.harness.stands_still() {
        return watch_the_end(b);
    }
    let (nearly, idle, absolute) =
        (Duration::from_millis(9_998), Duration::from_secs(10), Duration::from_secs(25));
    let [loaded, written, limited] = [b.selector(1), b.selector(2), b.selector(3)];
    for selector in [loaded, written, limited] {
        b.created(
            &selector,
            &NewRecord { limits: Limits { idle, absolute }, ..new_record(&[("shop.user", "7")]) },
        )?;
    }
    b.pass(nearly + MILLI);
    b.live(&loaded, "one millisecond before its idle end")?;
    b.updated(&written, &write("shop.user", "8"), "one millisecond before the idle end")?;
    let touch = Change { touch: true, ..Change::default() };
    b.updated(&limited, &touch, "one millisecond before the idle end")?;
    b.pass(MILLI);
    b.dead(&loaded, "exactly at its idle end", LIVES)?;
    // Without a load in between: `update` must check the end by itself. A write is not a touch, so it did not move the end.
    b.gone(&written, &touch, "exactly at the idle end")?;
    b.pass(nearly);
    b.updated(&limited, &touch, "within a life that a touch made longer")?;
    // 19,998 ms have passed.
    b.pass(Duration::from_millis(5_001));
    b.live(&limited, "one millisecond before its absolute end")?;
    b.pass(MILLI);
    b.dead(&limited, "exactly at its absolute end, touched or not", LIVES)?;
    Ok(Held::Held)
}

/// On a running clock, no answer may disagree with the store's time before and after it.
fn watch_the_end<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let (witness, selector) = (b.selector(1), b.selector(2));
    b.created(&witness, &new_record(&[]))?;
    // On a busy machine, the first life may be over before it is observed.
    let mut life = SHORT;
    let end = loop {
        b.create(&selector, &idle_for(life))?;
        match b.load(&selector)? {
            Some(loaded) => break loaded.record.meta().expires(),
            None if life > Duration::from_secs(20) => drop(b.live(&selector, "long before its end")?),
            None => b.delete(&selector)?,
        }
        life *= 4;
    };
    loop {
        let before = b.live(&witness, "while another one ends")?.now;
        let seen = b.load(&selector)?;
        let after = b.live(&witness, "while another one ends")?.now;
        match seen {
            Some(loaded) if before >= end || loaded.now >= end => {
                let seen = format!("alive at {:?}, loaded after {before:?}", loaded.now);
                return Err(Broken::new(format!("dead from {end:?} on"), seen, LIVES));
            }
            Some(_) => b.pass(MILLI),
            None if after < end => {
                return Err(Broken::new(
                    format!("alive until {end:?}"),
                    format!("dead before {after:?}"),
                    LIVES,
                ));
            }
            None => break,
        }
    }
    b.gone(&selector, &Change { touch: true, ..Change::default() }, "after the end")?;
    Ok(Held::Held)
}

pub(super) fn a_touch_never_moves_back<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let (selector, touch) = (b.selector(1), Change { touch: true, ..Change::default() });
    let begun = b.created(&selector, &new_record(&[]))?.record.meta().touched;
    b.pass(Duration::from_millis(20));
    let touched = b.updated(&selector, &touch, "on a live record")?.record.meta().touched;
    if touched <= begun {
        let fix = "`touch` sets `touched` to the store's time";
        return Err(Broken::new(format!("touched after {begun:?}"), format!("{touched:?}"), fix));
    }
    let written = b.updated(&selector, &write("shop.user", "1"), "on a live record")?.record.meta().touched;
    same("a write without `touch` leaves `touched`", &written, &touched)?;
    if !b.harness.block_on(b.harness.step_back(&b.store, Duration::from_millis(10))) {
        return Ok(Held::Held);
    }
    let again = b.updated(&selector, &touch, "while the clock has stepped back")?.record.meta().touched;
    same("`touched` after a touch by a clock that stepped back", &again, &touched)?;
    Ok(Held::Held)
}

pub(super) fn delete_is_idempotent<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let selector = b.selector(1);
    b.delete(&selector)?;
    b.created(&selector, &new_record(&[("shop.user", "7")]))?;
    for _ in 0..2 {
        b.delete(&selector)?;
        b.dead(&selector, "after `delete`", "remove meta and every cell")?;
    }
    let new = new_record(&[]);
    let record = b.created(&selector, &new)?.record;
    same_record("created after a `delete`", &record, &Record::create(&new, record.meta().created))?;
    Ok(Held::Held)
}

pub(super) fn delete_may_ask_for_the_principal<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let selector = b.selector(1);
    let of = |json: &str| Principal::new("shop.user", &Json::from_store(json));
    let delete = |who: &Principal| {
        b.harness.block_on(b.store.delete(&selector, Some(who))).map_err(|error| failed("delete", &error))
    };
    delete(&of("7"))?;
    b.created(&selector, &new_record(&[]))?;
    delete(&of("7"))?;
    b.live(&selector, "without a principal, after `delete` for a principal")?;
    b.updated(
        &selector,
        &Change { principal: Some(Some(of("7"))), ..Change::default() },
        "on a live record",
    )?;
    for other in [of("8"), of("70"), of("\"7\""), Principal::new("shop.use", &Json::from_store("r=7"))] {
        delete(&other)?;
        b.live(&selector, "of another principal, after `delete`")?;
    }
    delete(&of("7"))?;
    b.dead(&selector, "after `delete` for its principal", "compare `Meta::principal` and delete atomically")?;
    Ok(Held::Held)
}

pub(super) fn records_do_not_meet<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    // Selectors that are easily confused: common prefixes, zeros, bytes that are not text, and texts, or names in base64, that differ
    // only in case.
    let folded = u128::from(b'h').to_le_bytes();
    let selectors: Vec<_> = [[0; 16], [0xff; 16], [b'*'; 16], [b'{'; 16], [b'a'; 16], [b'A'; 16], folded]
        .into_iter()
        .flat_map(|bytes| [0, 1, 0xff].map(|last| [&bytes[..15], &[last]].concat()))
        .filter_map(|bytes| bytes.try_into().ok())
        .map(Selector::from_bytes)
        .collect();
    for (n, selector) in selectors.iter().enumerate() {
        b.created(selector, &new_record(&[("shop.user", &n.to_string())]))?;
    }
    for (n, selector) in selectors.iter().enumerate().filter(|(n, _)| n % 3 == 1) {
        b.updated(selector, &write("shop.user", &format!("{n}00")), "on a live record")?;
        b.delete(selectors.get(n + 1).unwrap_or(selector))?;
    }
    for (n, selector) in selectors.iter().enumerate() {
        let seen = b
            .load(selector)?
            .and_then(|loaded| Some(loaded.record.cell("shop.user")?.json.as_str().to_owned()));
        let expected = [Some(n.to_string()), Some(format!("{n}00")), None];
        same(
            "the cell of one record among others",
            &seen.as_ref(),
            &expected.get(n % 3).and_then(Option::as_ref),
        )?;
    }
    Ok(Held::Held)
}
