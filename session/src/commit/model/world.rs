//! Two browsers, one store, and requests that drive the real commit.

use std::{collections::HashMap, panic::Location, rc::Rc, sync::LazyLock, time::Duration};

use actix_web::ResponseError;

use super::{
    Between, Dice, Handler, Left, Observed, Plan,
    spec::{Browser, Met, Op, Sessions, begin},
};
use crate::{
    commit::{
        arrival::Arrival,
        exchange::{Answer, CookieAction, Lives, Next, Rules},
        fold::Fold,
        ledger::{Fresh, Ledger},
        machine::Commit,
        operation::{Operation, Ran, Recorded, Replay},
    },
    error::Error,
    id::{key::Key, public::Selector, random::Randomness, session_id::SessionId, tags::Succession},
    record::{
        apply::{Outcome, Record},
        cell::WireKey,
        change::{CellWrite, NewRecord},
        json::Json,
        meta::Principal,
        time::{Limits, Timestamp},
    },
    schema::describe::{Field, Schema},
    section::{
        patch::{Patch, Place, Seen},
        view::View,
    },
    store::{
        contract::{Created, Loaded, Updated},
        error::{StoreError, StoreErrorKind},
    },
};

static SCHEMA: Schema = Schema::new(
    "t",
    "$t",
    1,
    &[
        Field::new("a", "t.a").flash(),
        Field::new("b", "t.b"),
        Field::new("m", "t.m"),
        Field::new("n", "t.n"),
        Field::new("r", "t.r").reset_on_sign_in(),
        Field::new("u", "t.u").principal(),
    ],
);

const BEGUN: Timestamp = Timestamp::from_millis(1_000_000);

const LIMITS: Limits = Limits { idle: Duration::from_mins(30), absolute: Duration::from_hours(1) };

/// The builder's limits: sessions that requests open or sign in to outlive the expiry of those that the browsers came with.
const LONG: Limits = Limits { idle: Duration::from_hours(10), absolute: Duration::from_hours(10) };

fn place(key: &str) -> Place {
    let at = SCHEMA.fields().iter().position(|field| field.name() == key).unwrap();
    Place { schema: &SCHEMA, at }
}

fn json(key: &str, value: &str) -> Json {
    if key == "n" { Json::from_store(value) } else { Json::encode(value).unwrap() }
}

/// The value of `key` in what a handler sees, as a person reads it.
fn shown(seen: Seen<'_>, key: &str) -> Option<String> {
    let place = place(key);
    let stored = || seen.view.cell(place.wire_key(), place.fades()).map(|cell| &cell.json);
    let json = seen.patch.value(place).or_else(stored)?;
    (!json.is_null()).then(|| json.as_str().trim_matches('"').to_owned())
}

impl Replay for Op {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn tells(&self) -> bool {
        *self == Self::TryIncrement
    }

    fn run(&self, seen: Seen<'_>) -> Result<Ran, Error> {
        let (read, wrote) = if matches!(self, Self::Increment | Self::TryIncrement) {
            let n: u32 = shown(seen, "n").map_or(0, |n| n.parse().unwrap());
            (Some(place("n").at), vec![(place("n").at, json("n", &(n + 1).to_string()))])
        } else {
            let is = |key, value| shown(seen, key).as_deref() == Some(value);
            let copies = is("a", "a0") && !is("b", "copied");
            (None, if copies { vec![(place("b").at, json("b", "copied"))] } else { vec![] })
        };
        Ok(Ran { schema: &SCHEMA, read, wrote, unset: Vec::new() })
    }
}

/// Performs `op`, and returns it as the specification runs it; `None` if a handler would not even try.
fn perform(ledger: &mut Ledger, op: Op) -> Option<Op> {
    let caller = Location::caller();
    let operation = match op {
        Op::Set(key, value) => Operation::Set(place(key), json(key, value)),
        Op::Clear(key) => Operation::Set(place(key), Json::null()),
        Op::Take(key) => {
            shown(ledger.seen(), key)?;
            ledger.take(place(key), caller);
            return Some(op);
        }
        Op::CopyIf | Op::Increment | Op::TryIncrement => {
            let ran = op.run(ledger.seen()).unwrap();
            ledger.ran(Rc::new(op), ran, caller);
            return Some(op);
        }
        Op::SignIn(user) => Operation::SignIn(place("u"), json("u", user)),
        Op::SignOut => {
            let was_signed_in = shown(ledger.seen(), "u").is_some();
            ledger.perform(Operation::SignOut(place("u")), caller);
            return Some(if was_signed_in { Op::Purge } else { Op::Clear("u") });
        }
        Op::Renew => Operation::Renew,
        Op::Purge => Operation::Purge,
        Op::Expire => return Some(op),
    };
    ledger.perform(operation, caller);
    Some(op)
}

/// A request between its load and its answer.
struct Running {
    ledger: Ledger,
    /// The commit under way, the operations that it covers, and what it asks for next.
    commit: Option<(Commit<'static>, Vec<Rc<Recorded>>, Next)>,
    /// Whether its handler saves before the end.
    saves: bool,
    left_home: bool,
    lost: Option<bool>,
}

pub(super) struct World {
    records: HashMap<Selector, Record>,
    now: Timestamp,
    cookies: [SessionId; 2],
    time: usize,
}

fn rules() -> &'static Rules {
    static RULES: LazyLock<Rules> = LazyLock::new(|| Rules {
        lives: Lives::InStore,
        limits: LONG,
        anonymous: LONG,
        persistent: false,
        max_sessions: None,
        max_record: 65_536,
        deadline: Duration::from_secs(2),
        random: Randomness::System,
        succession: Succession::new(&Key::generate().unwrap().into()),
    });
    &RULES
}

impl World {
    pub(super) fn new(signed_in: Option<&'static str>) -> Self {
        let cookies = [0, 1].map(|_| SessionId::mint(Randomness::System).unwrap());
        let records = cookies.map(|id| {
            let mut new = NewRecord::new(id.verifier_hash(), LIMITS);
            let cells = begin(None).into_iter().chain(signed_in.map(|user| ("u", user.to_owned())));
            new.cells = cells
                .map(|(key, value)| CellWrite::new(WireKey::from(place(key).wire_key()), json(key, &value)))
                .collect();
            new.cells.push(CellWrite::new(WireKey::from_static("$t"), Json::from_store("1")));
            new.principal = signed_in.map(|user| Principal::new("t.u", &json("u", user)));
            // Written before anybody signed in would read as reset; this is somebody who came back.
            (id.selector, Record::create(&new, BEGUN))
        });
        Self {
            records: records.into_iter().collect(),
            // Late enough that a request that changes nothing is recorded as a touch.
            now: BEGUN.saturating_add(LIMITS.idle / 2),
            cookies,
            time: 0,
        }
    }

    /// Each entry of `schedule` loads a request, and the second time commits it.
    pub(super) fn run(&mut self, plans: &[Plan], schedule: &[usize]) -> Vec<Observed> {
        let mut running: Vec<Option<Running>> = plans.iter().map(|_| None).collect();
        let mut seen: Vec<Option<Observed>> = vec![None; plans.len()];
        for &at in schedule {
            self.time += 1;
            if seen[at].is_none() {
                let (request, first) = self.load(&plans[at]);
                (running[at], seen[at]) = (Some(request), Some(first));
            } else {
                while !self.step(&plans[at], running[at].as_mut().unwrap(), seen[at].as_mut().unwrap()) {}
            }
        }
        seen.into_iter().map(Option::unwrap).collect()
    }

    /// Loads and single store calls, in a random order.
    pub(super) fn run_by_calls(&mut self, plans: &[Plan], dice: &mut Dice) -> Vec<Observed> {
        let mut running: Vec<Option<Running>> = plans.iter().map(|_| None).collect();
        let mut seen: Vec<Option<Observed>> = vec![None; plans.len()];
        let mut open: Vec<usize> = (0..plans.len()).collect();
        while !open.is_empty() {
            self.time += 1;
            let at = *dice.pick(&open);
            if seen[at].is_none() {
                let (request, first) = self.load(&plans[at]);
                (running[at], seen[at]) = (Some(request), Some(first));
            } else if self.step(&plans[at], running[at].as_mut().unwrap(), seen[at].as_mut().unwrap()) {
                open.retain(|other| *other != at);
            }
        }
        seen.into_iter().map(Option::unwrap).collect()
    }

    /// Handlers that save or load again, and a request that does neither, one step at a time in a random order. Returns each commit as
    /// a request of its own.
    pub(super) fn run_handlers(
        &mut self,
        handlers: &[Handler],
        alone: &Plan,
        dice: &mut Dice,
    ) -> (Vec<Plan>, Vec<Observed>) {
        let alone = Handler { first: alone.ops.clone(), then: Vec::new() };
        let all = handlers.iter().chain([&alone]);
        let mut open: Vec<_> = all.map(|handler| (handler.clone(), None::<(Running, Observed)>)).collect();
        let (mut plans, mut seen) = (Vec::new(), Vec::new());
        while !open.is_empty() {
            self.time += 1;
            let at = dice.below(open.len());
            let (handler, request) = &mut open[at];
            let Some((running, part)) = request else {
                let first = Plan { browser: Browser::First, ops: handler.first.clone(), lost: None };
                *request = Some(self.load(&first));
                continue;
            };
            if running.commit.is_none()
                && let Some((Between::Reload, ops)) = handler.then.first().cloned()
            {
                handler.then.remove(0);
                if let Some(id) = running.ledger.can_reload() {
                    self.reload(running, id);
                }
                part.ops.extend(ops.iter().filter_map(|op| perform(&mut running.ledger, *op)));
                continue;
            }
            if !self.part(running, part) {
                continue;
            }
            let is_last = handler.then.is_empty();
            if is_last && let CookieAction::Set { id, .. } = running.ledger.send_head() {
                part.cookie = Some(id);
                part.in_place = self.cookies.iter().any(|cookie| cookie.selector == id.selector);
            }
            plans.push(Plan { browser: Browser::First, ops: part.ops.clone(), lost: None });
            seen.push(part.clone());
            if is_last {
                drop(open.remove(at));
                continue;
            }
            let (_, ops) = handler.then.remove(0);
            part.after = Some(seen.len() - 1);
            part.ops = ops.iter().filter_map(|op| perform(&mut running.ledger, *op)).collect();
        }
        (plans, seen)
    }

    /// One store call of a commit, or its beginning; whether it has ended.
    fn part(&mut self, running: &mut Running, seen: &mut Observed) -> bool {
        seen.span.1 = self.time;
        let (commit, covered, next) = match running.commit.take() {
            None => {
                if let Some(id) = running.ledger.must_reload() {
                    self.reload(running, id);
                }
                if !running.ledger.needs_commit() {
                    seen.status = 200;
                    return true;
                }
                let request = running.ledger.request().unwrap();
                let covered = request.operations.clone();
                let mut commit = Commit::new(request, rules());
                let next = commit.begin();
                (commit, covered, next)
            }
            Some((mut commit, covered, next)) => {
                let next = match next {
                    Next::Wait(_) => commit.waited(Duration::ZERO),
                    call => {
                        let answer = self.call(&call, running, seen);
                        commit.answered(answer, Duration::ZERO)
                    }
                };
                (commit, covered, next)
            }
        };
        let Next::Finish(finish) = next else {
            running.commit = Some((commit, covered, next));
            return false;
        };
        let (result, fresh) = running.ledger.settle(&covered, finish);
        if let Err(error) = &result {
            error.acknowledge();
        }
        drop(running.ledger.forget_acknowledged());
        if fresh == Fresh::Replay {
            Self::replay(running);
        }
        seen.status = result.err().map_or(200, |error| ResponseError::status_code(&error).as_u16());
        seen.fresh &= !running.left_home;
        true
    }

    fn reload(&self, running: &mut Running, id: SessionId) {
        let found = self.record(id.selector).map(|record| Loaded::new(record.clone(), self.now));
        running.ledger.reloaded(found);
        Self::replay(running);
    }

    fn replay(running: &mut Running) {
        let (arrival, operations) = running.ledger.to_replay();
        running.ledger.replayed(Fold::replay(&operations, arrival.base()));
    }

    fn record(&self, key: Selector) -> Option<&Record> {
        self.records.get(&key).filter(|record| !record.is_expired(self.now))
    }

    fn load(&self, plan: &Plan) -> (Running, Observed) {
        let id = self.cookies[plan.browser as usize];
        let found = self.record(id.selector).map(|record| Loaded::new(record.clone(), self.now));
        let met = match &found {
            None => Met::Nobody,
            Some(loaded) if loaded.record.meta().verifier == id.verifier_hash() => Met::Live,
            Some(_) => Met::Superseded,
        };
        let mut ledger = Ledger::new();
        ledger.arrive(Arrival::of(id, found));
        let ops = plan.ops.iter().filter_map(|op| perform(&mut ledger, *op)).collect();
        // A handler whose `save` fails goes on, and the end of the request must not send its operations again.
        let saves = plan.lost.is_some();
        let running = Running { ledger, commit: None, saves, left_home: false, lost: plan.lost };
        (
            running,
            Observed {
                met,
                ops,
                status: 0,
                fresh: false,
                in_place: true,
                cookie: None,
                span: (self.time, 0),
                after: None,
            },
        )
    }

    /// One store call, or the first decision; whether the request is answered.
    fn step(&mut self, plan: &Plan, running: &mut Running, seen: &mut Observed) -> bool {
        seen.span.1 = self.time;
        if plan.ops.contains(&Op::Expire) {
            self.now = self.now.saturating_add(LIMITS.absolute);
            seen.status = 200;
            return true;
        }
        let Some((mut commit, covered, next)) = running.commit.take() else {
            return self.begin(running, seen);
        };
        let next = match next {
            Next::Finish(_) => unreachable!("it was taken up below"),
            Next::Wait(_) => commit.waited(Duration::ZERO),
            call => {
                let answer = self.call(&call, running, seen);
                commit.answered(answer, Duration::ZERO)
            }
        };
        self.go_on(running, seen, commit, covered, next)
    }

    /// Begins the next commit of a request, if it needs one; whether the request is answered.
    fn begin(&self, running: &mut Running, seen: &mut Observed) -> bool {
        if !running.saves && !running.ledger.needs_commit() {
            return self.answer(running, seen, None);
        }
        let request = running.ledger.request().unwrap();
        let covered = request.operations.clone();
        let mut commit = Commit::new(request, rules());
        let next = commit.begin();
        self.go_on(running, seen, commit, covered, next)
    }

    fn go_on(
        &self,
        running: &mut Running,
        seen: &mut Observed,
        commit: Commit<'static>,
        covered: Vec<Rc<Recorded>>,
        next: Next,
    ) -> bool {
        let Next::Finish(finish) = next else {
            running.commit = Some((commit, covered, next));
            return false;
        };
        let (result, fresh) = running.ledger.settle(&covered, finish);
        if fresh == Fresh::Replay {
            Self::replay(running);
        }
        if std::mem::take(&mut running.saves) {
            return self.begin(running, seen);
        }
        self.answer(running, seen, result.err())
    }

    fn answer(&self, running: &mut Running, seen: &mut Observed, error: Option<Error>) -> bool {
        let error = running.ledger.unacknowledged().or(error);
        seen.status = error.as_ref().map_or(200, |error| ResponseError::status_code(error).as_u16());
        if let CookieAction::Set { id, .. } = running.ledger.send_head() {
            assert!(error.is_none(), "a cookie for a commit that failed");
            seen.cookie = Some(id);
            seen.in_place = self.cookies.iter().any(|cookie| cookie.selector == id.selector);
        }
        // It left the session it met as it was, and has one of its own.
        seen.fresh &= !running.left_home;
        true
    }

    fn call(
        &mut self,
        next: &Next,
        running: &mut Running,
        seen: &mut Observed,
    ) -> Result<Answer, StoreError> {
        let lost = running.lost.take();
        if lost == Some(false) {
            return Err(StoreError::new(StoreErrorKind::UnknownOutcome));
        }
        let answer = match next {
            Next::Create(key, new) => {
                seen.fresh = true;
                assert!(self.records.insert(*key, Record::create(new, self.now)).is_none());
                Answer::Created(Created::Created, self.now)
            }
            Next::Delete(key) => {
                running.left_home |= self.record(*key).is_some();
                self.records.remove(key);
                Answer::Deleted
            }
            Next::Update(key, change) => {
                Answer::Updated(match self.records.get(key).map(|r| r.apply(change, self.now)) {
                    Some(Outcome::Done(record)) => {
                        let revision = record.meta().revision;
                        self.records.insert(*key, *record);
                        Updated::Done { revision }
                    }
                    Some(Outcome::Conflict) => {
                        Updated::Conflict(Loaded::new(self.records[key].clone(), self.now))
                    }
                    Some(Outcome::Gone) | None => Updated::Gone,
                })
            }
            Next::Wait(_) | Next::Finish(_) => unreachable!(),
        };
        if lost == Some(true) {
            return Err(StoreError::new(StoreErrorKind::UnknownOutcome));
        }
        Ok(answer)
    }

    /// What the two sessions have become, and every session that a browser has a cookie for.
    pub(super) fn left(&self, seen: &[Observed]) -> Left {
        let patch = Patch::default();
        let values = |record: &Record| -> Vec<_> {
            let seen = Seen { view: View::of(record, self.now), patch: &patch };
            let fields = SCHEMA.fields().iter().map(Field::name);
            fields.filter_map(|key| shown(seen, key).map(|value| (key, value))).collect()
        };
        let first =
            self.cookies.map(|id| self.record(id.selector).map(|r| (values(r), r.meta().generation > 1)));
        let mut opened: Vec<_> = seen
            .iter()
            .enumerate()
            .filter_map(|(at, seen)| {
                Some((at, seen.cookie.filter(|id| !self.cookies.iter().any(|c| c.selector == id.selector))?))
            })
            .filter_map(|(at, id)| Some((at, values(self.record(id.selector)?))))
            .collect();
        opened.sort();
        Left { first, opened }
    }

    /// Whether the record of `browser` still opens with the cookie that `seen` got.
    pub(super) fn opens(&self, id: &SessionId) -> bool {
        self.record(id.selector).is_some_and(|record| record.meta().verifier == id.verifier_hash())
    }
}

/// The same of the specification: a session whose cookie never came is not to be seen.
pub(super) fn visible(sessions: &Sessions, seen: &[Observed]) -> Left {
    let flat = |values: &super::spec::Values| values.iter().map(|(k, v)| (*k, v.clone())).collect::<Vec<_>>();
    let first = [0, 1]
        .map(|at| sessions.first[at].as_ref().map(|s: &super::spec::Session| (flat(&s.values), s.renewed)));
    let opened = sessions
        .opened
        .iter()
        .filter(|(at, _)| seen[*at].status == 200)
        .map(|(at, s)| (*at, flat(&s.values)));
    let mut opened: Vec<_> = opened.collect();
    opened.sort();
    Left { first, opened }
}
