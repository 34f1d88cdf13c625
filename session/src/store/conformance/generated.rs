//! A rule about generated changes: the store and `Record::apply`, side by side.
//!
//! In: a [`Bench`] and a fixed seed. Out: a verdict. Never: a change that differs from run to run.

use std::{collections::BTreeMap, time::Duration};

use super::{
    harness::Harness,
    kit::{Bench, LONG, explained, failed, new_record, same, same_record, set, verifier},
    verdict::{Broken, Held, Verdict},
};
use crate::{
    id::public::Selector,
    record::{
        apply::{Outcome, Record},
        change::{CellWrite, Change, Guard, NewRecord, Renewal},
        json::Json,
        meta::Principal,
        time::Limits,
    },
    store::contract::{Created, SessionStore},
};

const CHANGES: u32 = 300;

const CELLS: [&str; 7] = ["$shop", "shop.a", "shop.b", "shop.c", "shop.\u{e9}", "auth.mfa", "a"];

const VALUES: [&str; 8] = [
    "0",
    "null",
    "1e400",
    "-0.0",
    "123456789012345678901",
    r#""\u0000""#,
    r#"{"b":1,"a":[]}"#,
    "\"\u{1f600}\"",
];

const TIMES: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_millis(1),
    Duration::from_millis(40),
    Duration::from_secs(60),
    Duration::from_secs(24 * 3600),
    Duration::MAX,
];

/// xorshift64*, which makes the same changes in every run and needs no dependency.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).unwrap_or_default() % sides.max(1)
    }

    /// True once in `n`.
    fn once_in(&mut self, n: usize) -> bool {
        self.roll(n) == 0
    }

    fn pick<T: Copy + Default>(&mut self, from: &[T]) -> T {
        from.get(self.roll(from.len())).copied().unwrap_or_default()
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.roll(256)).unwrap_or_default()
    }

    fn principal(&mut self) -> Option<Principal> {
        (!self.once_in(3))
            .then(|| Principal::new("shop.user", &Json::from_store(self.pick(&["7", "8", "\"\u{e9}\""]))))
    }

    /// Mostly long limits, sometimes none at all.
    fn limits(&mut self) -> Limits {
        if self.once_in(3) { Limits { idle: self.pick(&TIMES), absolute: self.pick(&TIMES) } } else { LONG }
    }

    fn writes(&mut self) -> Vec<CellWrite> {
        let mut writes = BTreeMap::new();
        for _ in 0..self.roll(4) {
            let wire_key = self.pick(&CELLS);
            let ttl = self.once_in(4).then(|| self.pick(&TIMES));
            writes.insert(wire_key, CellWrite { ttl, ..set(wire_key, self.pick(&VALUES)) });
        }
        writes.into_values().collect()
    }

    fn new_record(&mut self) -> NewRecord {
        NewRecord {
            verifier: verifier(self.byte()),
            cells: self.writes(),
            principal: self.principal(),
            authenticated: self.once_in(2),
            limits: self.limits(),
            persistent: self.once_in(2),
            label: self.once_in(2).then(|| "generated".into()),
            max_sessions: None,
        }
    }

    /// A change whose guards mostly hold; otherwise nothing would ever be applied.
    fn change(&mut self, record: Option<&Record>) -> Change {
        let mut change = Change { write: self.writes(), touch: self.once_in(3), ..Change::default() };
        for _ in 0..self.roll(3) {
            let wire_key = self.pick(&CELLS);
            let holds = record.and_then(|record| record.revision_of(wire_key));
            let near = record.map_or(1, |record| record.meta().revision);
            let revision =
                if self.once_in(8) { self.pick(&[None, Some(0), Some(1), Some(near)]) } else { holds };
            change.guards.push(Guard::new(wire_key.into(), revision));
        }
        if self.once_in(4) {
            let holds = record.map_or(1, |record| record.meta().generation);
            change.expected_generation = Some(if self.once_in(4) { holds + 1 } else { holds });
        }
        if self.once_in(5) {
            change.delete = vec![self.pick(&CELLS).into(), self.pick(&CELLS).into()];
        }
        if self.once_in(5) {
            change.renewal = Some(Renewal::new(verifier(self.byte())));
        }
        if self.once_in(5) {
            change.principal = Some(self.principal());
            change.authenticated = self.once_in(2);
        }
        change.anew = self.once_in(8);
        change.limits = self.once_in(8).then(|| self.limits());
        change.persistent = self.once_in(8).then(|| self.once_in(2));
        change.label = self.once_in(8).then(|| Some(self.pick(&["", "a label", "\u{202e}"]).into()));
        change
    }
}

/// The record that must be under one selector.
type Model = Option<Record>;

fn run_one<H: Harness>(
    b: &Bench<'_, H>,
    witness: &Selector,
    selector: &Selector,
    model: &Model,
    dice: &mut Dice,
) -> Result<Model, Broken> {
    let now = || Ok::<_, Broken>(b.live(witness, "that no change touches")?.now);
    let from = now()?;
    // A record that has expired counts as gone. If it expires during the update, `explained` decides.
    let model = model.as_ref().filter(|record| !record.is_expired(from));
    match (dice.roll(12), model) {
        (0, _) => {
            let who = if dice.once_in(2) { dice.principal() } else { None };
            let met = who.is_none() || model.is_some_and(|record| record.meta().principal == who);
            b.harness
                .block_on(b.store.delete(selector, who.as_ref()))
                .map_err(|error| failed("delete", &error))?;
            return Ok(if met { None } else { model.cloned() });
        }
        (1 | 2, Some(record)) if !record.is_expired(from) => {
            let answer = b.create(selector, &dice.new_record())?;
            if now()? < record.meta().expires() {
                same("`create` on a live record", &answer, &Created::Exists)?;
            }
            return Ok(Some(record.clone()));
        }
        (_, None) if !dice.once_in(3) => {
            // On an expired record both answers are right. Delete it first, so that only one is.
            b.delete(selector)?;
            let new = dice.new_record();
            same("`create` where nothing is", &b.create(selector, &new)?, &Created::Created)?;
            return match b.load(selector)? {
                Some(loaded) => {
                    let expected = Record::create(&new, loaded.record.meta().created);
                    same_record("after `create`", &loaded.record, &expected)?;
                    Ok(Some(expected))
                }
                None if Record::create(&new, from).is_expired(now()?) => Ok(None),
                None => Err(Broken::new(
                    "a live record after `create`",
                    "`load` answers `None`",
                    "store the record",
                )),
            };
        }
        _ => {}
    }
    let change = dice.change(model);
    let Some(before) = model else {
        b.gone(selector, &change, "where no live record is")?;
        return Ok(None);
    };
    let seen = b.update(selector, &change)?;
    let after = b.load(selector)?.map(|loaded| loaded.record);
    match explained(before, &change, &seen, after.as_deref(), (from, now()?))? {
        Outcome::Done(next) => Ok(Some(*next)),
        Outcome::Conflict => Ok(Some(before.clone())),
        Outcome::Gone => Ok(None),
    }
}

pub(super) fn generated_changes_agree_with_apply<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let witness = b.selector(0);
    let endless = Limits { idle: Duration::MAX, absolute: Duration::MAX };
    b.created(&witness, &NewRecord { limits: endless, ..new_record(&[]) })?;
    let selectors = [b.selector(1), b.selector(2), b.selector(3)];
    let mut models: [Model; 3] = Default::default();
    let mut dice = Dice(0x5e55_1015);
    for n in 0..CHANGES {
        if dice.once_in(3) {
            // With a server's clock this waits, so it is short.
            let longest = if b.harness.stands_still() { TIMES.len() - 1 } else { 3 };
            b.pass(TIMES.get(dice.roll(longest)).copied().unwrap_or_default());
        }
        let which = dice.roll(selectors.len());
        let (Some(selector), Some(model)) = (selectors.get(which), models.get_mut(which)) else { continue };
        *model = run_one(b, &witness, selector, model, &mut dice)
            .map_err(|broken| Broken { expected: format!("change {n}: {}", broken.expected), ..broken })?;
        let now = b.live(&witness, "that no change touches")?.now;
        for (selector, model) in selectors.iter().zip(&models) {
            match (b.load(selector)?, model) {
                (Some(loaded), Some(model)) if !model.is_expired(now) => {
                    same_record(&format!("after change {n}"), &loaded.record, model)?;
                }
                (None, Some(model)) if b.harness.stands_still() && !model.is_expired(now) => {
                    b.live(selector, &format!("after change {n}"))?;
                }
                (Some(_), None) => b.dead(selector, &format!("after change {n}"), "no change created it")?,
                (Some(_), Some(_)) if b.harness.stands_still() => {
                    b.dead(
                        selector,
                        &format!("after its end, after change {n}"),
                        "compare with `Record::is_expired`",
                    )?;
                }
                _ => {}
            }
        }
    }
    Ok(Held::Held)
}
