//! Two browsers, one store, and requests that drive the real commit.

use std::{collections::HashMap, panic::Location, rc::Rc, time::Duration};

use super::{
    Dice, Left, Plan, Seen,
    spec::{Met, Sessions, begin},
};
use crate::{
    commit::{
        arrival::{Arrival, Base},
        fold::Fold,
        machine::Commit,
        operation::{Operation, Ran, Recorded, Replay},
        step::{Answer, CookieAction, Finish, Request, Rules, Step},
    },
    error::Error,
    id::{public::Selector, random::Randomness, session_id::SessionId},
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
        patch::{Patch, Place},
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

/// Sessions that requests open outlive the expiry of those they came with.
const LONG: Limits = Limits { idle: Duration::from_hours(10), absolute: Duration::from_hours(10) };

/// Which of the two browsers sends a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Browser {
    First = 0,
    Second = 1,
}

/// What a request may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Op {
    Set(&'static str, &'static str),
    Clear(&'static str),
    Take(&'static str),
    /// A closure over the whole state: if `a` is `a0`, `b` becomes `copied`.
    CopyIf,
    /// A closure over `n`.
    Increment,
    SignIn(&'static str),
    Renew,
    Purge,
    /// Not a request: every session's time is over.
    Expire,
}

impl Op {
    pub(super) fn key(self) -> Option<&'static str> {
        match self {
            Self::Set(key, _) | Self::Clear(key) | Self::Take(key) => Some(key),
            Self::CopyIf => Some("b"),
            Self::Increment => Some("n"),
            Self::SignIn(_) => Some("u"),
            Self::Renew | Self::Purge | Self::Expire => None,
        }
    }
}

fn place(key: &str) -> Place {
    let field = SCHEMA.fields().iter().position(|field| field.name() == key).unwrap();
    Place { schema: &SCHEMA, field }
}

fn json(key: &str, value: &str) -> Json {
    if key == "n" { Json::from_store(value) } else { Json::encode(value).unwrap() }
}

/// The value of `key` in `view`, as a person reads it.
fn seen_in(view: &View<'_>, key: &str) -> Option<String> {
    let place = place(key);
    let field = SCHEMA.field(place.field).unwrap();
    let json = view
        .patch
        .value(&SCHEMA, place.field)
        .or_else(|| view.cell(field.wire_key(), field.resets()).map(|cell| &cell.json))?;
    (!json.is_null()).then(|| json.as_str().trim_matches('"').to_owned())
}

impl Replay for Op {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn run(&self, view: View<'_>) -> Result<Ran, Error> {
        let (read, wrote) = if *self == Self::Increment {
            let n: u32 = seen_in(&view, "n").map_or(0, |n| n.parse().unwrap());
            (Some(place("n").field), vec![(place("n").field, json("n", &(n + 1).to_string()))])
        } else {
            let is = |key, value| seen_in(&view, key).as_deref() == Some(value);
            let copies = is("a", "a0") && !is("b", "copied");
            (None, if copies { vec![(place("b").field, json("b", "copied"))] } else { vec![] })
        };
        Ok(Ran { schema: &SCHEMA, read, wrote })
    }
}

/// A request between its load and its answer.
struct Running {
    commit: Commit<'static>,
    next: Option<Step>,
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
    const RULES: Rules = Rules {
        limits: LONG,
        persistent: false,
        max_sessions: None,
        max_record: 65_536,
        deadline: Duration::from_secs(2),
        random: Randomness::System,
    };
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
    pub(super) fn run(&mut self, plans: &[Plan], schedule: &[usize]) -> Vec<Seen> {
        let mut running: Vec<Option<Running>> = plans.iter().map(|_| None).collect();
        let mut seen: Vec<Option<Seen>> = vec![None; plans.len()];
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
    pub(super) fn run_by_calls(&mut self, plans: &[Plan], dice: &mut Dice) -> Vec<Seen> {
        let mut running: Vec<Option<Running>> = plans.iter().map(|_| None).collect();
        let mut seen: Vec<Option<Seen>> = vec![None; plans.len()];
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

    fn record(&self, key: Selector) -> Option<&Record> {
        self.records.get(&key).filter(|record| !record.is_expired(self.now))
    }

    fn load(&self, plan: &Plan) -> (Running, Seen) {
        let id = self.cookies[plan.browser as usize];
        let (met, arrival) = match self.record(id.selector) {
            None => (Met::Nobody, Arrival::Nobody),
            Some(record) if record.meta().verifier == id.verifier_hash() => {
                (Met::Live, Arrival::Live(id, Loaded::new(record.clone(), self.now)))
            }
            Some(record) => (Met::Superseded, Arrival::Superseded(self.now.since(record.meta().renewed))),
        };
        let base = match &arrival {
            Arrival::Live(_, loaded) => Base { record: Some(&loaded.record), now: loaded.now, late: None },
            _ => Base::EMPTY,
        };
        let mut local = Fold::on(base.record);
        let mut operations = Vec::new();
        for op in &plan.ops {
            let operation = match op {
                Op::Set(key, value) => Operation::Set(place(key), json(key, value)),
                Op::Clear(key) => Operation::Set(place(key), Json::null()),
                Op::Take(key) => {
                    if seen_in(&local.view(base), key).is_none() {
                        continue;
                    }
                    let record = base.record.filter(|_| !local.left);
                    Operation::Take(place(key), record.and_then(|record| place(key).slot(record)))
                }
                Op::CopyIf | Op::Increment => Operation::Update(Rc::new(*op)),
                Op::SignIn(user) => Operation::SignIn(place("u"), json("u", user)),
                Op::Renew => Operation::Renew,
                Op::Purge => Operation::Purge,
                Op::Expire => continue,
            };
            // As `Tracked` does: a set to what is stored is marked as such.
            if let Operation::Set(place, value) = &operation {
                let field = SCHEMA.field(place.field).unwrap();
                let view = local.view(base);
                let stored = view.cell(field.wire_key(), field.resets()).map(|cell| &cell.json);
                let now = local.patch.value(&SCHEMA, place.field).or(stored);
                let same = now == Some(value) && stored.is_some();
                local.set(*place, value.clone(), same);
            } else {
                local.step(&operation, base).unwrap();
            }
            operations.push(Rc::new(Recorded {
                operation,
                lost: std::cell::OnceCell::new(),
                at: Location::caller(),
            }));
        }
        let request = Request {
            arrival,
            operations,
            local,
            schemas: Vec::new(),
            saved_before: false,
            cookie_possible: true,
            last: true,
        };
        let running =
            Running { commit: Commit::new(request, rules()), next: None, left_home: false, lost: plan.lost };
        (running, Seen { met, status: 0, fresh: false, cookie: None, span: (self.time, 0) })
    }

    /// One store call, or the first decision; whether the request is answered.
    fn step(&mut self, plan: &Plan, running: &mut Running, seen: &mut Seen) -> bool {
        seen.span.1 = self.time;
        if plan.ops.contains(&Op::Expire) {
            self.now = self.now.saturating_add(LIMITS.absolute);
            seen.status = 200;
            return true;
        }
        let step = match running.next.take() {
            Some(step) => step,
            None => running.commit.begin(),
        };
        let step = match step {
            Step::Finish(finish) => {
                Self::finish(&finish, running, seen);
                return true;
            }
            Step::Wait(_) => running.commit.after_wait(Duration::ZERO),
            step => {
                let answer = self.call(&step, running, seen);
                running.commit.next(answer, Duration::ZERO)
            }
        };
        let done = matches!(step, Step::Finish(_));
        running.next = Some(step);
        done && self.step(plan, running, seen)
    }

    fn call(&mut self, step: &Step, running: &mut Running, seen: &mut Seen) -> Result<Answer, StoreError> {
        let lost = running.lost.take();
        if lost == Some(false) {
            return Err(StoreError::new(StoreErrorKind::UnknownOutcome));
        }
        let answer = match step {
            Step::Create(key, new) => {
                seen.fresh = true;
                assert!(self.records.insert(*key, Record::create(new, self.now)).is_none());
                Answer::Created(Created::Created)
            }
            Step::Delete(key) => {
                running.left_home |= self.record(*key).is_some();
                self.records.remove(key);
                Answer::Deleted
            }
            Step::Update(key, change) => {
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
            Step::Wait(_) | Step::Finish(_) => unreachable!(),
        };
        if lost == Some(true) {
            return Err(StoreError::new(StoreErrorKind::UnknownOutcome));
        }
        Ok(answer)
    }

    fn finish(finish: &Finish, running: &Running, seen: &mut Seen) {
        seen.status = match &finish.result {
            Ok(_) => 200,
            Err(error) => actix_web::ResponseError::status_code(error).as_u16(),
        };
        if let CookieAction::Set { id, .. } = finish.cookie {
            assert!(finish.result.is_ok(), "a cookie for a commit that failed");
            seen.cookie = Some(id);
        }
        // It left the session it met as it was, and has one of its own.
        seen.fresh &= !running.left_home;
    }

    /// What the two sessions have become, and every session that a browser has a cookie for.
    pub(super) fn left(&self, seen: &[Seen]) -> Left {
        let values = |record: &Record| {
            let patch = Patch::default();
            let view = View { record: Some(record), now: self.now, signed_in: false, patch: &patch };
            let fields = SCHEMA.fields().iter().map(Field::name);
            fields.filter_map(|key| seen_in(&view, key).map(|value| (key, value))).collect()
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
pub(super) fn visible(sessions: &Sessions, seen: &[Seen]) -> Left {
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
