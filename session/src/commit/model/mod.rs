//! Overlapping requests against a serial specification.
//!
//! Requests load and commit in every order, driving the real [`Commit`] and the real `Record::apply`. What they leave behind
//! must be what *some* serial order of whole requests leaves behind, run on plain maps by [`spec`], and that order must respect
//! real time. Outages (a write whose answer is lost), expiry, touches and a second browser are part of it.
//! `MODEL_SAMPLES` sets how many triples of requests are tried; each is run in all 90 orders of its loads and commits, and in
//! as many random orders of single store calls.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // in a test this is how to fail

use self::{
    spec::{Browser, Met, Op, serial},
    world::World,
};
use crate::id::session_id::SessionId;

mod spec;

mod world;

/// Random numbers that are the same on every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        // xorshift64*: Vigna 2016
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % end
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// What one request asks for.
#[derive(Clone, Debug)]
struct Plan {
    browser: Browser,
    ops: Vec<Op>,
    /// The answer to its first write never comes; `Some(true)`: though the write was done.
    lost: Option<bool>,
}

/// What a handler does between its operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Between {
    /// It saves, and acknowledges an error: what comes after is a commit of its own.
    Save,
    Reload,
}

/// A request whose handler saves or reloads.
#[derive(Clone, Debug)]
struct Handler {
    first: Vec<Op>,
    then: Vec<(Between, Vec<Op>)>,
}

/// What one request did, as seen from outside.
#[derive(Clone, Debug)]
struct Observed {
    met: Met,
    /// The operations as the specification runs them.
    ops: Vec<Op>,
    /// Status of the response.
    status: u16,
    /// It opened a session of its own beside the one it came with.
    fresh: bool,
    /// The session that it began, if it began one, took the place of the one that it came with.
    in_place: bool,
    /// The id in its `Set-Cookie`.
    cookie: Option<SessionId>,
    /// When it loaded and when it was answered.
    span: (usize, usize),
    /// The commit of the same request that came before, if this is not its first.
    after: Option<usize>,
}

type Fields = Vec<(&'static str, String)>;

/// What is left of all sessions in the end.
#[derive(PartialEq, Debug)]
struct Left {
    /// Those that the browsers came with, and whether their ids were renewed. `None`: it has ended.
    first: [Option<(Fields, bool)>; 2],
    /// Those that requests opened, by request.
    opened: Vec<(usize, Fields)>,
}

fn pool() -> Vec<Op> {
    use Op::{Clear, CopyIf, Increment, Purge, Renew, Set, SignIn, SignOut, Take, TryIncrement};
    vec![
        Set("a", "a0"),
        Set("b", "z"),
        Clear("m"),
        Set("m", "evil"),
        Set("r", "x"),
        Set("a", "x"),
        Set("a", "y"),
        Set("b", "x"),
        Clear("a"),
        Take("a"),
        CopyIf,
        Increment,
        TryIncrement,
        SignIn("A"),
        SignIn("B"),
        SignOut,
        Renew,
        Purge,
    ]
}

/// Every request of at most two operations, but for two sign-ins, and for what is decided cell by cell, by design: a take that
/// came too late is dropped by itself ("shown at least once"), and so is a blind set that a renewal overtook, while a closure of
/// the same request runs again; so neither stands beside an operation that tells.
fn requests() -> Vec<Vec<Op>> {
    let pool = pool();
    let mut all: Vec<Vec<Op>> = vec![vec![]];
    all.extend(pool.iter().map(|op| vec![*op]));
    for first in &pool {
        for second in &pool {
            let two_sign_ins = matches!((first, second), (Op::SignIn(_), Op::SignIn(_)));
            let split = |a: &Op, b: &Op| {
                matches!(a, Op::Take(_) | Op::CopyIf)
                    && !matches!(b, Op::Increment | Op::TryIncrement | Op::Purge)
            };
            if first != second && !two_sign_ins && !split(first, second) && !split(second, first) {
                all.push(vec![*first, *second]);
            }
        }
    }
    all
}

/// All orders of loading and committing `count` requests.
fn orders(count: usize) -> Vec<Vec<usize>> {
    fn go(left: &mut [usize], so_far: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
        if left.iter().all(|n| *n == 0) {
            all.push(so_far.clone());
        }
        for at in 0..left.len() {
            if left[at] > 0 {
                left[at] -= 1;
                so_far.push(at);
                go(left, so_far, all);
                so_far.pop();
                left[at] += 1;
            }
        }
    }
    let mut all = Vec::new();
    go(&mut vec![2; count], &mut Vec::new(), &mut all);
    all
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![vec![]];
    }
    let mut all = Vec::new();
    for shorter in permutations(count - 1) {
        for at in 0..count {
            let mut longer = shorter.clone();
            longer.insert(at, count - 1);
            all.push(longer);
        }
    }
    all
}

/// Whether some serial order explains what was seen.
fn explained(
    signed_in: Option<&'static str>,
    plans: &[Plan],
    seen: &[Observed],
    left: &Left,
    by: &[Vec<usize>],
) -> bool {
    let respects_time = |order: &[usize]| {
        order.iter().enumerate().all(|(at, earlier)| {
            order[at + 1..].iter().all(|later| {
                seen[*later].span.1 > seen[*earlier].span.0 && seen[*earlier].after != Some(*later)
            })
        })
    };
    // A request whose answer was lost may have happened or not, or it only ended its session.
    let lost: Vec<usize> = (0..plans.len()).filter(|at| seen[*at].status == 503).collect();
    (0..3_usize.pow(u32::try_from(lost.len()).unwrap())).any(|choice| {
        let mut plans = plans.to_vec();
        let mut skipped = Vec::new();
        for (nth, at) in lost.iter().enumerate() {
            match choice / 3_usize.pow(u32::try_from(nth).unwrap()) % 3 {
                0 => {}
                1 => skipped.push(*at),
                _ => {
                    let ops = &mut plans[*at].ops;
                    let Some(end) = ops.iter().rposition(|op| *op == Op::Purge) else { return false };
                    ops.truncate(end + 1);
                    // The session that it began in between may have refused others.
                    skipped.extend((0..seen.len()).filter(|at| seen[*at].status == 409));
                }
            }
        }
        by.iter().filter(|order| respects_time(order)).any(|order| {
            let order: Vec<usize> = order.iter().copied().filter(|at| !skipped.contains(at)).collect();
            serial(signed_in, &plans, seen, &order).is_some_and(|(sessions, statuses)| {
                let statuses_fit =
                    order.iter().all(|at| seen[*at].status == 503 || statuses[*at] == seen[*at].status);
                statuses_fit && world::visible(&sessions, seen) == *left
            })
        })
    })
}

/// A request that loaded before a sign-in and committed after it must not undo what the sign-in wrote.
fn undoes_a_sign_in(world: &World, plans: &[Plan], seen: &[Observed], left: &Left) -> bool {
    let sets = |at: usize| {
        plans[at].ops.iter().filter_map(|op| match op {
            Op::Set(key, value) => Some((*key, *value)),
            _ => None,
        })
    };
    let signs_in = |at: usize| plans[at].ops.iter().any(|op| matches!(op, Op::SignIn(_)));
    (0..plans.len())
        .filter(|i| {
            signs_in(*i)
                && !seen[*i].fresh
                && seen[*i].met == Met::Live
                && seen[*i].cookie.is_some_and(|id| world.opens(&id))
        })
        .any(|i| {
            let last = plans[i].ops.iter().filter(|op| op.key().is_some());
            last.filter_map(|op| match op {
                Op::Set(key, value) => Some((*key, *value)),
                _ => None,
            })
            .any(|(key, value)| {
                (0..plans.len())
                    .filter(|j| *j != i && !signs_in(*j) && plans[*j].browser == plans[i].browser)
                    .any(|j| {
                        let across = seen[j].span.0 < seen[i].span.1 && seen[i].span.1 < seen[j].span.1;
                        let others = (0..plans.len()).any(|x| {
                            x != i
                                && x != j
                                && plans[x].ops.iter().any(|op| op.key() == Some(key) || *op == Op::Purge)
                        });
                        let theirs: Vec<_> = sets(j).filter(|(k, _)| *k == key).collect();
                        let own = plans[i].ops.iter().filter(|op| op.key() == Some(key)).count() == 1;
                        let Some((values, _)) = &left.first[plans[i].browser as usize] else { return false };
                        across
                            && !others
                            && own
                            && plans[j].ops.iter().all(|op| *op != Op::Purge)
                            && theirs
                                .iter()
                                .any(|(_, v)| *v != value && values.contains(&(key, (*v).to_owned())))
                    })
            })
        })
}

fn samples(otherwise: usize) -> usize {
    std::env::var("MODEL_SAMPLES").ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Runs `plans` by `schedule` (`None`: single store calls in a random order) and judges what is left.
fn judge(
    dice: &mut Dice,
    signed_in: Option<&'static str>,
    plans: &[Plan],
    schedule: Option<&[usize]>,
    by: &[Vec<usize>],
) -> Result<(), String> {
    let mut world = World::new(signed_in);
    let seen = match schedule {
        Some(schedule) => world.run(plans, schedule),
        None => world.run_by_calls(plans, dice),
    };
    let left = world.left(&seen);
    let ops = seen.iter().map(|seen| seen.ops.clone());
    let plans: Vec<Plan> = plans.iter().zip(ops).map(|(plan, ops)| Plan { ops, ..plan.clone() }).collect();
    let plans = &plans[..];
    if !explained(signed_in, plans, &seen, &left, by) {
        return Err(format!(
            "no serial order: signed in {signed_in:?}\n  {plans:?}\n  {schedule:?}\n  {seen:?}\n  left {left:?}"
        ));
    }
    if undoes_a_sign_in(&world, plans, &seen, &left) {
        return Err(format!(
            "a late write undid a sign-in: signed in {signed_in:?}\n  {plans:?}\n  {schedule:?}\n  {seen:?}\n  left {left:?}"
        ));
    }
    Ok(())
}

/// A closure over the whole state beside a renewal, or one that tells beside a request that renews and sets. Of a request that a
/// renewal overtook, a blind set may count as written before it and the rest after; a closure that runs in between sees one without
/// the other. Decided cell by cell, by design.
fn tells_a_late_write(plans: &[Plan]) -> bool {
    let any = |is: fn(&Op) -> bool| plans.iter().flat_map(|plan| &plan.ops).any(is);
    let renews = |op: &Op| matches!(op, Op::SignIn(_) | Op::Renew);
    let sets = |op: &Op| matches!(op, Op::Set(..) | Op::Clear(_));
    let both = |plan: &Plan| plan.ops.iter().any(renews) && plan.ops.iter().any(sets);
    (any(|op| *op == Op::CopyIf) && any(|op| matches!(op, Op::SignIn(_) | Op::Renew)))
        || (any(|op| *op == Op::TryIncrement) && plans.iter().any(both))
}

fn explore(seed: u64, samples: usize, plan: impl Fn(&mut Dice, &[Vec<Op>]) -> Vec<Plan>) {
    let (requests, orders, by) = (requests(), orders(3), permutations(3));
    let mut dice = Dice(seed);
    let mut wrong = Vec::new();
    let mut histories = 0;
    for _ in 0..samples {
        let signed_in = *dice.pick(&[None, None, Some("A")]);
        let plans = loop {
            let plans = plan(&mut dice, &requests);
            if !tells_a_late_write(&plans) {
                break plans;
            }
        };
        for order in &orders {
            wrong.extend(judge(&mut dice, signed_in, &plans, Some(order), &by).err());
            wrong.extend(judge(&mut dice, signed_in, &plans, None, &by).err());
            histories += 2;
        }
    }
    let shortest = wrong.iter().min_by_key(|text| text.len());
    assert!(histories > 10_000, "{histories}");
    assert!(
        wrong.is_empty(),
        "{} of {histories} histories are wrong, such as\n{}",
        wrong.len(),
        shortest.unwrap()
    );
}

#[test]
fn overlapping_requests_of_one_browser_are_serializable() {
    explore(1, samples(400), |dice, requests| {
        (0..3)
            .map(|_| Plan { browser: Browser::First, ops: dice.pick(requests).clone(), lost: None })
            .collect()
    });
}

/// A double click on the button, or a proxy that signs in on every request: from nobody, from another user, and after a purge.
#[test]
fn two_sign_ins_with_one_cookie_leave_one_session_and_one_cookie() {
    let requests = requests();
    let (orders, mut dice, mut histories) = (orders(3), Dice(4), 0);
    let thirds = requests.iter().filter(|ops| {
        !ops.iter().any(|op| matches!(op, Op::Renew | Op::SignIn(_) | Op::SignOut | Op::Purge))
    });
    for third in thirds {
        for (signed_in, purge) in
            [(None, false), (Some("B"), false), (None, true), (Some("A"), true), (Some("B"), true)]
        {
            let sign_in = |first: Option<Op>, last: Option<Op>| {
                let purge = purge.then_some(Op::Purge);
                first.into_iter().chain(purge).chain([Op::SignIn("A")]).chain(last).collect()
            };
            let (set, add) = (Some(Op::Set("b", "x")), Some(Op::Increment));
            let plans: Vec<_> = [sign_in(set, add), sign_in(None, add), third.clone()]
                .map(|ops| Plan { browser: Browser::First, ops, lost: None })
                .into();
            for order in &orders {
                for schedule in [Some(&order[..]), None] {
                    let mut world = World::new(signed_in);
                    let seen = match schedule {
                        Some(schedule) => world.run(&plans, schedule),
                        None => world.run_by_calls(&plans, &mut dice),
                    };
                    let left = world.left(&seen);
                    let (fields, _) = left.first[0].as_ref().unwrap();
                    let has = |key, value: &str| fields.contains(&(key, value.to_owned()));
                    let begins = purge || signed_in.is_some();
                    let told = format!("{plans:?}\n{seen:?}\n{left:?}");
                    assert!(left.opened.is_empty() && has("u", "A"), "{told}");
                    // Both have added one. What belonged to the session that they left is gone.
                    assert!(
                        !begins || (has("n", "2") && !fields.iter().any(|(key, _)| "am".contains(key))),
                        "{told}"
                    );
                    // Whichever response arrives last, and whichever is lost.
                    assert!(
                        seen[..2].iter().all(|one| one.cookie.is_some_and(|id| world.opens(&id))),
                        "{told}"
                    );
                    histories += 1;
                }
            }
        }
    }
    assert!(histories > 50_000, "{histories}");
}

/// Handlers that save in the middle, or load again, beside requests that change who is signed in. Each save is a commit of its own.
#[test]
fn with_saves_and_reloads() {
    let requests = requests();
    // A take is dropped if the field was written since the handler saw it, also by a request that its own save came after.
    let is_plain = |op: &Op| {
        !matches!(op, Op::SignIn(_) | Op::SignOut | Op::Renew | Op::Purge | Op::CopyIf | Op::Take(_))
    };
    let plain: Vec<_> = requests.iter().filter(|ops| ops.iter().all(is_plain)).collect();
    let (mut dice, by) = (Dice(5), permutations(4));
    let (mut wrong, mut histories) = (Vec::new(), 0);
    for _ in 0..samples(1000) {
        let signed_in = *dice.pick(&[None, None, Some("A")]);
        let mut handler = || {
            let ops = (*dice.pick(&plain)).clone();
            let between = *dice.pick(&[Between::Save, Between::Save, Between::Reload]);
            match between {
                // Both parts are one commit.
                Between::Reload => {
                    let at = dice.below(ops.len() + 1);
                    let (first, last) = ops.split_at(at);
                    Handler { first: first.to_vec(), then: vec![(between, last.to_vec())] }
                }
                Between::Save => Handler { first: ops, then: vec![(between, (*dice.pick(&plain)).clone())] },
            }
        };
        let handlers = [handler(), handler()];
        let alone = Plan { browser: Browser::First, ops: dice.pick(&requests).clone(), lost: None };
        // Late sets are decided cell by cell; see `tells_a_late_write`.
        let renews =
            |op: &Op| matches!(op, Op::Renew) || signed_in.is_some_and(|user| *op == Op::SignIn(user));
        if alone.ops.iter().any(renews) {
            continue;
        }
        if handlers.iter().all(|handler| handler.then.iter().all(|(between, _)| *between == Between::Save)) {
            continue; // Five commits have too many orders.
        }
        for _ in 0..40 {
            let mut world = World::new(signed_in);
            let (plans, seen) = world.run_handlers(&handlers, &alone, &mut dice);
            // The specification does not follow a session that a handler began, from commit to commit.
            let begins = seen.iter().any(|part| part.met == Met::Nobody && part.after.is_some());
            if begins || tells_a_late_write(&plans) {
                continue;
            }
            histories += 1;
            let left = world.left(&seen);
            let orders: Vec<Vec<usize>> = by
                .iter()
                .map(|order| order.iter().copied().filter(|at| *at < seen.len()).collect())
                .collect();
            if !explained(signed_in, &plans, &seen, &left, &orders) {
                wrong.push(format!(
                    "signed in {signed_in:?}\n  {handlers:?}\n  {plans:?}\n  {seen:?}\n  left {left:?}"
                ));
            }
        }
    }
    let shortest = wrong.iter().min_by_key(|text| text.len());
    assert!(histories > 10_000, "{histories}");
    assert!(
        wrong.is_empty(),
        "{} of {histories} histories are wrong, such as\n{}",
        wrong.len(),
        shortest.unwrap()
    );
}

#[test]
fn with_lost_answers() {
    explore(2, samples(400), |dice, requests| {
        let mut plan = |lost| Plan { browser: Browser::First, ops: dice.pick(requests).clone(), lost };
        vec![plan(Some(true)), plan(None), plan(Some(false))]
    });
}

#[test]
fn with_expiry_and_a_second_browser() {
    explore(3, samples(400), |dice, requests| {
        let mut plan = |browser| Plan { browser, ops: dice.pick(requests).clone(), lost: None };
        let mut plans = vec![plan(Browser::First), plan(Browser::Second), plan(Browser::First)];
        if dice.below(2) == 0 {
            plans[1].ops = vec![Op::Expire];
        }
        plans
    });
}
