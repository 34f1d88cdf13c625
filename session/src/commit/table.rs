//! The commit table, row by row: what a request found and did, what the store answers, and what must come of it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // in a test this is how to fail

use std::{cell::Cell, panic::Location, rc::Rc, time::Duration};

use super::{
    arrival::{Arrival, SUPERSEDED_WINDOW},
    exchange::{After, Answer, CookieAction, Done, Finish, Head, Lives, Next, Request, Rules, Since},
    ledger::Ledger,
    machine::Commit,
    operation::{self, Lifetime, Operation, Replay},
};
use crate::{
    error::{Error, ErrorKind},
    id::{key::Key, public::VerifierHash, random::Randomness, session_id::SessionId, tags::Succession},
    record::{
        apply::{Outcome, Record},
        cell::WireKey,
        change::{CellWrite, Change, NewRecord, Renewal},
        json::Json,
        meta::Principal,
        time::{Limits, Timestamp},
    },
    schema::describe::{Field, Schema},
    section::patch::{Place, Seen},
    store::{
        contract::{Created, Loaded, Updated},
        error::{StoreError, StoreErrorKind},
    },
};

static SCHEMA: Schema = Schema::new(
    "s",
    "$s",
    1,
    &[
        Field::new("cart", "s.cart"),
        Field::new("csrf", "s.csrf").reset_on_sign_in(),
        Field::new("user", "s.user").principal(),
    ],
);

const CART: Place = Place { schema: &SCHEMA, at: 0 };

const CSRF: Place = Place { schema: &SCHEMA, at: 1 };

const USER: Place = Place { schema: &SCHEMA, at: 2 };

const LIMITS: Limits = Limits { idle: Duration::from_mins(30), absolute: Duration::from_hours(12) };

const BEGUN: Timestamp = Timestamp::from_millis(1_000_000);

fn rules() -> Rules {
    Rules {
        lives: Lives::InStore,
        limits: LIMITS,
        anonymous: LIMITS,
        persistent: false,
        max_sessions: None,
        max_record: 1000,
        deadline: Duration::from_secs(2),
        random: Randomness::System,
        succession: Succession::new(&Key::generate().unwrap().into()),
    }
}

/// A take of the cart as it was loaded.
fn take_cart(from: &Arrival) -> Operation {
    let Arrival::Live(_, loaded) = from else { panic!("a live session") };
    Operation::Take(CART, CART.slot(&loaded.record))
}

/// A session with a cart, perhaps of a user who signed in long ago.
fn live(user: Option<&str>) -> Arrival {
    let id = SessionId::mint(Randomness::System).unwrap();
    let mut new = NewRecord::new(id.verifier_hash(), LIMITS);
    new.cells = vec![
        CellWrite::new(WireKey::from_static("$s"), json("1")),
        CellWrite::new(WireKey::from_static("s.cart"), json("[1]")),
    ];
    new.principal = user.map(|user| Principal::new("s.user", &json(user)));
    new.cells.extend(user.map(|user| CellWrite::new(WireKey::from_static("s.user"), json(user))));
    Arrival::Live(id, Loaded::new(Record::create(&new, BEGUN), BEGUN))
}

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

fn set(place: Place, text: &str) -> Operation {
    Operation::Set(place, json(text))
}

fn sign_in(user: &str) -> Operation {
    Operation::SignIn(USER, json(user))
}

/// A request about to commit, and what its store was asked so far.
struct Case {
    rules: Rules,
    request: Request,
    asked: Vec<Asked>,
}

/// A store call.
#[derive(Clone, Debug)]
enum Asked {
    Create(Rc<NewRecord>),
    Update(Rc<Change>),
    Delete,
    Wait,
}

impl Case {
    fn new(arrival: Arrival, operations: Vec<Operation>) -> Self {
        let mut ledger = Ledger::new();
        ledger.arrive(arrival);
        for operation in operations {
            ledger.perform(operation, Location::caller());
        }
        let request = ledger.request().unwrap();
        Self { rules: rules(), request, asked: Vec::new() }
    }

    /// Commits; `store` answers each call, by its number.
    fn run(self, store: impl Fn(usize, &Asked) -> Result<Answer, StoreError>) -> Ran {
        let Self { rules, request, mut asked } = self;
        let mut commit = Commit::new(request, &rules);
        let mut next = commit.begin();
        loop {
            let call = match next {
                Next::Finish(finish) => return Ran { finish, asked },
                Next::Wait(_) => {
                    asked.push(Asked::Wait);
                    next = commit.waited(Duration::ZERO);
                    continue;
                }
                Next::Create(_, new) => Asked::Create(new),
                Next::Update(_, change) => Asked::Update(change),
                Next::Delete(_) => Asked::Delete,
            };
            let answer = store(asked.len(), &call);
            asked.push(call);
            // Half a second a call: the deadline is met at the fifth.
            next = commit.answered(answer, Duration::from_millis(500) * u32::try_from(asked.len()).unwrap());
        }
    }

    fn ok(self) -> Ran {
        self.run(|_, call| Ok(done(call)))
    }
}

/// How a case ended.
struct Ran {
    finish: Finish,
    asked: Vec<Asked>,
}

impl Ran {
    fn asked(&self) -> Vec<&'static str> {
        let name = |asked: &Asked| match asked {
            Asked::Create(_) => "create",
            Asked::Update(_) => "update",
            Asked::Delete => "delete",
            Asked::Wait => "wait",
        };
        self.asked.iter().map(name).collect()
    }

    fn change(&self) -> &Change {
        self.asked
            .iter()
            .rev()
            .find_map(|asked| if let Asked::Update(change) = asked { Some(change) } else { None })
            .unwrap()
    }

    fn created(&self) -> &NewRecord {
        self.asked
            .iter()
            .find_map(|asked| if let Asked::Create(new) = asked { Some(new) } else { None })
            .unwrap()
    }

    fn cookie(&self) -> &'static str {
        match self.finish.cookie {
            CookieAction::Keep => "keep",
            CookieAction::Set { .. } => "set",
            CookieAction::Remove => "remove",
        }
    }

    fn done(&self) -> Done {
        *self.finish.result.as_ref().unwrap()
    }

    fn error(&self) -> ErrorKind {
        self.finish.result.as_ref().unwrap_err().kind()
    }

    #[track_caller]
    fn is(&self, asked: &[&str], cookie: &str) {
        assert_eq!((self.asked().as_slice(), self.cookie()), (asked, cookie));
    }
}

fn done(call: &Asked) -> Answer {
    match call {
        Asked::Create(_) => Answer::Created(Created::Created, BEGUN),
        Asked::Update(_) => Answer::Updated(Updated::Done { revision: 2 }),
        Asked::Delete => Answer::Deleted,
        Asked::Wait => panic!("nobody answers a wait"),
    }
}

fn unknown() -> Result<Answer, StoreError> {
    Err(StoreError::new(StoreErrorKind::UnknownOutcome))
}

/// `arrival`'s record after `change` by another request.
fn moved(arrival: &Arrival, change: &Change) -> Loaded {
    let Arrival::Live(_, loaded) = arrival else { panic!("a live session") };
    let Outcome::Done(record) = loaded.record.apply(change, BEGUN) else { panic!("it applies") };
    Loaded::new(*record, BEGUN)
}

/// Another request renewed the id and wrote the cart.
fn renewed(arrival: &Arrival) -> Loaded {
    let other = SessionId::mint(Randomness::System).unwrap();
    let mut change = Change { renewal: Some(Renewal::new(other.verifier_hash())), ..Change::default() };
    change.write.push(CellWrite::new(WireKey::from_static("s.cart"), json("[9]")));
    moved(arrival, &change)
}

/// A visit of a session that another request renewed `ago`.
fn superseded_since(ago: Duration) -> Arrival {
    let arrival = live(None);
    let Arrival::Live(id, _) = arrival else { panic!("a live session") };
    let Loaded { record, now, .. } = renewed(&arrival);
    Arrival::Superseded(id, Loaded::new(record, now.saturating_add(ago)))
}

/// `arrival`'s record after another request of its browser signed `user` in.
fn signed_in(arrival: &Arrival, user: &str, rules: &Rules) -> Loaded {
    let Arrival::Live(id, _) = arrival else { panic!("a live session") };
    let principal = Principal::new("s.user", &json(user));
    let id = id.after_sign_in(principal.as_str(), &rules.succession);
    let change = Change {
        renewal: Some(Renewal::new(id.verifier_hash())),
        write: vec![CellWrite::new(WireKey::from_static("s.user"), json(user))],
        principal: Some(Some(principal)),
        authenticated: true,
        ..Change::default()
    };
    moved(arrival, &change)
}

/// The same, where `user` began a session in the place of the one before.
fn signed_in_anew(arrival: &Arrival, user: &str, rules: &Rules) -> Loaded {
    let joined = signed_in(arrival, user, rules);
    let change = Change {
        anew: true,
        renewal: Some(Renewal::new(joined.record.meta().verifier)),
        principal: Some(joined.record.meta().principal.clone()),
        authenticated: true,
        ..Change::default()
    };
    moved(arrival, &change)
}

/// Answers the first call with `answer`, and the others with success.
fn first(answer: Result<Answer, StoreError>) -> impl Fn(usize, &Asked) -> Result<Answer, StoreError> {
    let answer = Cell::new(Some(answer));
    move |_, asked| answer.take().unwrap_or_else(|| Ok(done(asked)))
}

/// Answers the first call with a conflict, and the others with success.
fn conflict_first(current: &Loaded) -> impl Fn(usize, &Asked) -> Result<Answer, StoreError> {
    first(Ok(Answer::Updated(Updated::Conflict(current.clone()))))
}

fn keys(writes: &[CellWrite]) -> Vec<&str> {
    writes.iter().map(|write| write.key.as_str()).collect()
}

#[test]
fn nothing_changed() {
    Case::new(Arrival::Nobody, vec![]).ok().is(&[], "keep");
    Case::new(live(None), vec![]).ok().is(&[], "keep");
}

/// A case of sessions that do not live in a store of ours.
fn living(lives: Lives, arrival: Arrival, operations: Vec<Operation>, head: Head) -> Case {
    let mut case = Case::new(arrival, operations);
    (case.rules.lives, case.request.head) = (lives, head);
    case
}

/// What changes such a session sends another cookie, whatever `in_place_of` another one asks for, and nothing does once the head is sent.
fn each_change_sends_a_cookie(lives: Lives, in_place_of: &[&str], too_late: Vec<Vec<Operation>>) {
    let Arrival::Live(id, loaded) = live(None) else { panic!("a live session") };
    let seen_late =
        || Arrival::Live(id, Loaded::new(loaded.record.clone(), BEGUN.saturating_add(LIMITS.idle / 5)));
    let rows: [(Arrival, Vec<Operation>, &[&str], &str); 7] = [
        (live(None), vec![], &[], "keep"),
        (seen_late(), vec![], &["update"], "set"),
        (live(None), vec![set(CART, "[2]")], &["update"], "set"),
        (live(None), vec![sign_in("1")], &["update"], "set"),
        (live(Some("1")), vec![Operation::Purge], &["delete"], "remove"),
        (live(Some("1")), vec![sign_in("2")], in_place_of, "set"),
        (live(Some("1")), vec![Operation::Purge, sign_in("1")], in_place_of, "set"),
    ];
    for (arrival, operations, asked, cookie) in rows {
        living(lives, arrival, operations, Head::Open).ok().is(asked, cookie);
    }
    living(lives, seen_late(), vec![], Head::Sent).ok().is(&[], "keep");
    for operations in too_late {
        let ran = living(lives, live(Some("1")), operations, Head::Sent).run(|_, asked| Ok(done(asked)));
        assert_eq!((ran.error(), ran.asked().len()), (ErrorKind::TooLate, 0));
    }
}

/// Another session begins in place of one, so that whoever revokes the one before does not revoke this one.
#[test]
fn a_record_that_lives_in_its_cookie() {
    let too_late = vec![vec![set(CART, "[2]")], vec![Operation::Purge], vec![sign_in("2")]];
    each_change_sends_a_cookie(Lives::InCookie, &["delete", "create"], too_late);
}

/// A store of another library may move the record with each change, and another session begins in its place as in ours.
#[test]
fn a_record_that_lives_in_a_store_of_another_library() {
    let lives = Lives::WhereCookieSays;
    each_change_sends_a_cookie(lives, &["update"], vec![vec![set(CART, "[2]")], vec![sign_in("2")]]);
    // A record is deleted whether or not a cookie can be.
    let purge = living(lives, live(Some("1")), vec![Operation::Purge], Head::Sent);
    assert_eq!(purge.ok().asked(), ["delete"]);
    // The id of before is not sent once another request has renewed it.
    let arrival = live(None);
    let other = renewed(&arrival);
    let overtaken = living(lives, arrival, vec![set(CSRF, "\"x\"")], Head::Open).run(conflict_first(&other));
    overtaken.is(&["update", "update"], "keep");
}

#[test]
fn nothing_changed_but_seen_after_a_tenth_of_the_idle_time() {
    let seen_after = |idle: Duration| {
        let Arrival::Live(id, loaded) = live(None) else { panic!("a live session") };
        Case::new(Arrival::Live(id, Loaded::new(loaded.record, BEGUN.saturating_add(idle))), vec![])
    };
    seen_after(LIMITS.idle / 10).ok().is(&[], "keep");
    let late = LIMITS.idle / 10 + Duration::from_millis(1);
    let ran = seen_after(late).ok();
    ran.is(&["update"], "keep");
    assert_eq!(*ran.change(), Change { touch: true, ..Change::default() });
    for answer in [Updated::Gone, Updated::Conflict(renewed(&live(None)))] {
        let ran = seen_after(late).run(|_, _| Ok(Answer::Updated(answer.clone())));
        ran.is(&["update"], "keep");
        assert_eq!(ran.done(), Done::Nothing);
    }
    assert_eq!(seen_after(late).run(|_, _| unknown()).done(), Done::Nothing);
}

#[test]
fn no_session_and_fields_set() {
    let ran = Case::new(Arrival::Nobody, vec![set(CART, "[2]")]).ok();
    ran.is(&["create"], "set");
    assert_eq!(keys(&ran.created().cells), ["$s", "s.cart"]);
    let ran = Case::new(Arrival::Nobody, vec![sign_in("1")]).ok();
    assert!(ran.created().principal.is_some() && ran.created().authenticated);
}

#[test]
fn no_session_and_nothing_set() {
    for operations in [vec![Operation::Renew], vec![set(CART, "null")], vec![Operation::Purge]] {
        Case::new(Arrival::Nobody, operations).ok().is(&[], "keep");
    }
}

#[test]
fn changed() {
    let ran = Case::new(live(None), vec![set(CART, "[2]")]).ok();
    ran.is(&["update"], "keep");
    let change = ran.change();
    assert_eq!((change.expected_generation, keys(&change.write)), (Some(1), vec!["s.cart"]));
    assert_eq!(change.guards.iter().map(|guard| guard.key.as_str()).collect::<Vec<_>>(), ["$s"]);
    assert!(!change.touch && change.renewal.is_none());
    let Arrival::Live(id, Loaded { record, .. }) = live(None) else { panic!("a live session") };
    let late = Loaded::new(record, BEGUN.saturating_add(LIMITS.idle / 5));
    assert!(Case::new(Arrival::Live(id, late), vec![set(CART, "[2]")]).ok().change().touch, "a touch is due");
}

#[test]
fn changed_and_conflict() {
    let arrival = live(None);
    let gate =
        Change { write: vec![CellWrite::new(WireKey::from_static("$s"), json("1"))], ..Change::default() };
    let current = moved(&arrival, &gate);
    let ran = Case::new(arrival, vec![set(CART, "[2]")]).run(|call, asked| match call {
        0 => Ok(Answer::Updated(Updated::Conflict(current.clone()))),
        _ => Ok(done(asked)),
    });
    ran.is(&["update", "update"], "keep");
    assert_eq!(ran.change().guards[0].revision, Some(2), "the guard is fresh");
}

#[test]
fn changed_and_conflict_until_the_deadline() {
    let arrival = live(None);
    let current = moved(&arrival, &Change::default());
    let ran = Case::new(arrival, vec![set(CART, "[2]")])
        .run(|_, _| Ok(Answer::Updated(Updated::Conflict(current.clone()))));
    assert_eq!((ran.error(), ran.cookie()), (ErrorKind::Contended, "keep"));
    assert!(ran.asked().contains(&"wait"));
}

#[test]
fn changed_and_renewed_by_another_request() {
    let arrival = live(None);
    let current = renewed(&arrival);
    let conflict_first = |call: usize, asked: &Asked| match call {
        0 => Ok(Answer::Updated(Updated::Conflict(current.clone()))),
        _ => Ok(done(asked)),
    };
    // The cart moved since the load, so this set counts as written before; the other one is written.
    let ran = Case::new(arrival.clone(), vec![set(CART, "[2]"), set(CSRF, "2")]).run(conflict_first);
    ran.is(&["update", "update"], "keep");
    assert_eq!(keys(&ran.change().write), ["s.csrf"]);
    // Nothing of it is left to write.
    Case::new(arrival.clone(), vec![set(CART, "[2]")]).run(conflict_first).is(&["update"], "keep");
    // Our own renewal is satisfied.
    Case::new(arrival, vec![Operation::Renew]).run(conflict_first).is(&["update"], "keep");
}

#[test]
fn a_flash_that_changed_is_not_taken() {
    let arrival = live(None);
    let newer = Change {
        write: vec![CellWrite::new(WireKey::from_static("s.cart"), json("[9]"))],
        ..Change::default()
    };
    let current = moved(&arrival, &newer);
    let take = take_cart(&arrival);
    let ran = Case::new(arrival, vec![take]).run(|call, asked| match call {
        0 => Ok(Answer::Updated(Updated::Conflict(current.clone()))),
        _ => Ok(done(asked)),
    });
    ran.is(&["update"], "keep");
}

#[test]
fn as_it_was_loaded() {
    let as_loaded = || Case::new(live(Some("1")), vec![set(CART, "[1]")]);
    as_loaded().ok().is(&[], "keep");
    let mut renews = as_loaded();
    Rc::make_mut(&mut renews.request.local).renews = true;
    let ran = renews.ok();
    ran.is(&["update"], "set");
    assert_eq!(keys(&ran.change().write), ["s.cart"], "nothing is left out of a request that renews");
    let mut again = as_loaded();
    again.request.since = Since::Save;
    again.ok().is(&["update"], "keep");
}

#[test]
fn changed_and_gone() {
    let ran = Case::new(live(None), vec![set(CART, "[2]")]).run(|_, _| Ok(Answer::Updated(Updated::Gone)));
    ran.is(&["update"], "keep");
    assert_eq!(ran.done(), Done::Gone);
}

#[test]
fn superseded() {
    let just_now = || superseded_since(Duration::from_millis(59_999));
    for operations in [vec![set(CART, "[2]")], vec![set(CART, "null")], vec![Operation::Purge]] {
        let ran = Case::new(just_now(), operations).ok();
        assert_eq!((ran.error(), ran.cookie(), ran.asked().len()), (ErrorKind::Superseded, "keep", 0));
    }
    Case::new(just_now(), vec![]).ok().is(&[], "keep");
    Case::new(just_now(), vec![sign_in("1")]).ok().is(&["create"], "set");
    let long_ago = superseded_since(SUPERSEDED_WINDOW);
    Case::new(long_ago.clone(), vec![set(CART, "[2]")]).ok().is(&["create"], "set");
    Case::new(long_ago, vec![Operation::Purge]).ok().is(&[], "keep");
}

#[test]
fn principal_from_none() {
    let ran = Case::new(live(None), vec![set(CSRF, "1"), sign_in("1"), set(CART, "[2]")]).ok();
    ran.is(&["update"], "set");
    let change = ran.change();
    assert!(change.renewal.is_some());
    assert!(change.authenticated && change.principal.is_some());
    assert_eq!(keys(&change.write), ["s.user", "s.cart"], "what resets on sign-in is not carried over");
}

#[test]
fn principal_as_it_was() {
    let ran = Case::new(live(Some("1")), vec![sign_in("1")]).ok();
    ran.is(&["update"], "set");
    assert!(ran.change().renewal.is_some() && ran.change().authenticated);
    // An application that sets the user on every request does not pay for a cookie each time.
    let Arrival::Live(id, Loaded { record, now, .. }) = live(Some("1")) else { panic!("a live session") };
    let proves = Change { authenticated: true, ..Change::default() };
    let Outcome::Done(record) = record.apply(&proves, now) else { panic!("it applies") };
    let after = |ago| Arrival::Live(id, Loaded::new(*record.clone(), now.saturating_add(ago)));
    Case::new(after(Duration::from_millis(59_999)), vec![sign_in("1")]).ok().is(&[], "keep");
    Case::new(after(Duration::from_mins(1)), vec![sign_in("1")]).ok().is(&["update"], "set");
}

#[test]
fn principal_from_a_to_b() {
    let ran = Case::new(live(Some("1")), vec![set(CART, "[2]"), sign_in("2"), set(CSRF, "3")]).ok();
    ran.is(&["update"], "set");
    let change = ran.change();
    assert!(change.anew && change.renewal.is_some() && change.authenticated && change.guards.is_empty());
    assert_eq!(keys(&change.write), ["$s", "s.user", "s.csrf"], "the cart belonged to the other");
    let ran = Case::new(live(Some("1")), vec![sign_in("2")]).run(|_, _| unknown());
    ran.is(&["update"], "keep");
    assert_eq!(ran.error(), ErrorKind::StoreUnavailable);
}

#[test]
fn principal_from_a_to_b_and_the_session_changed_meanwhile() {
    let arrival = live(Some("1"));
    let before = || vec![set(CART, "[2]"), sign_in("2")];
    let answer = |arrival: &Arrival, operations, answer| {
        Case::new(arrival.clone(), operations).run(first(Ok(Answer::Updated(answer))))
    };
    // It ended: the user gets a session of their own, as in every sign-in.
    let ran = answer(&arrival, before(), Updated::Gone);
    ran.is(&["update", "create"], "set");
    assert_eq!(keys(&ran.created().cells), ["$s", "s.user"], "the cart belonged to the other");
    // It was renewed: what the request leaves is the session as it is now.
    let ran = answer(&arrival, before(), Updated::Conflict(renewed(&arrival)));
    ran.is(&["update", "update"], "set");
    assert!(ran.change().anew);
    // Somebody else signed in there.
    let other = moved(
        &arrival,
        &Change {
            anew: true,
            renewal: Some(Renewal::new(VerifierHash::from_bytes([9; 32]))),
            principal: Some(Some(Principal::new("s.user", &json("3")))),
            ..Change::default()
        },
    );
    let ran = answer(&arrival, before(), Updated::Conflict(other.clone()));
    ran.is(&["update", "create"], "set");
    assert_eq!(keys(&ran.created().cells), ["$s", "s.user"], "the cart belonged to the other");
    // A purge ends the session, whoever is signed in there.
    let purge = || vec![Operation::Purge, sign_in("2")];
    let ran = answer(&arrival, purge(), Updated::Conflict(other));
    ran.is(&["update", "delete", "create"], "set");
}

#[test]
fn purged_and_signed_in() {
    let purge = || vec![set(CART, "[2]"), Operation::Purge, sign_in("1"), set(CSRF, "3")];
    for arrival in [live(None), live(Some("1")), live(Some("2"))] {
        let ran = Case::new(arrival.clone(), purge()).ok();
        ran.is(&["update"], "set");
        assert!(ran.change().anew);
        assert_eq!(keys(&ran.change().write), ["$s", "s.user", "s.csrf"]);
        // The session ends, although the one after it cannot be stored.
        for (answer, error) in [
            (unknown(), ErrorKind::StoreUnavailable),
            (Ok(Answer::Updated(Updated::TooMany)), ErrorKind::TooManySessions),
        ] {
            let answer = Cell::new(Some(answer));
            let ran = Case::new(arrival.clone(), purge())
                .run(|_, _| answer.take().unwrap_or(Ok(Answer::Updated(Updated::Gone))));
            ran.is(&["update", "update"], "remove");
            assert_eq!((ran.error(), ran.change().limits.unwrap().idle), (error, Duration::ZERO));
        }
        // Unless another one has taken its place.
        let (answer, case) = (Cell::new(Some(unknown())), Case::new(arrival.clone(), purge()));
        let joined = signed_in_anew(&arrival, "1", &case.rules);
        let ran = case.run(|_, _| {
            answer.take().unwrap_or_else(|| Ok(Answer::Updated(Updated::Conflict(joined.clone()))))
        });
        ran.is(&["update", "update"], "keep");
        let ran = Case::new(arrival, purge()).run(|_, _| unknown());
        ran.is(&["update", "update"], "keep");
        assert!(matches!(ran.finish.after, After::Unconfirmed(_)));
    }
}

#[test]
fn a_sign_in_never_fails_because_of_a_race() {
    let arrival = live(None);
    let current = renewed(&arrival);
    for answer in [Updated::Gone, Updated::Conflict(current)] {
        let operations = vec![set(CART, "[2]"), sign_in("1")];
        let ran = Case::new(arrival.clone(), operations).run(|call, asked| match call {
            0 => Ok(Answer::Updated(answer.clone())),
            _ => Ok(done(asked)),
        });
        ran.is(&["update", "create"], "set");
        assert_eq!(keys(&ran.created().cells), ["$s", "s.cart", "s.user"]);
    }
}

#[test]
fn purged_or_signed_out() {
    let unreadable = || Arrival::Unreadable(SessionId::mint(Randomness::System).unwrap());
    Case::new(live(None), vec![Operation::Purge]).ok().is(&["delete"], "remove");
    Case::new(unreadable(), vec![Operation::Purge]).ok().is(&["delete"], "remove");
    Case::new(live(Some("1")), vec![Operation::SignOut(USER)]).ok().is(&["delete"], "remove");
    Case::new(live(None), vec![set(CART, "[2]"), Operation::Purge]).ok().is(&["delete"], "remove");
    let ran = Case::new(live(None), vec![set(CSRF, "1"), Operation::Purge, set(CART, "[2]")]).ok();
    ran.is(&["delete", "create"], "set");
    assert_eq!(keys(&ran.created().cells), ["$s", "s.cart"]);
}

#[test]
fn a_purge_that_failed_keeps_the_cookie() {
    let ran = Case::new(live(None), vec![Operation::Purge]).run(|_, _| unknown());
    assert_eq!((ran.error(), ran.cookie()), (ErrorKind::StoreUnavailable, "keep"));
}

#[test]
fn an_unknown_outcome_is_not_sent_again() {
    for (arrival, call) in [(Arrival::Nobody, "create"), (live(None), "update")] {
        let ran = Case::new(arrival, vec![set(CART, "[2]")]).run(|_, _| unknown());
        ran.is(&[call], "keep");
        assert_eq!(ran.error(), ErrorKind::StoreUnavailable);
    }
}

#[test]
fn a_selector_that_is_taken_is_never_shared() {
    let ran = Case::new(Arrival::Nobody, vec![set(CART, "[2]")]).run(|call, asked| match call {
        0 => Ok(Answer::Created(Created::Exists, BEGUN)),
        _ => Ok(done(asked)),
    });
    ran.is(&["create", "create"], "set");
    let ran = Case::new(Arrival::Nobody, vec![set(CART, "[2]")])
        .run(|_, _| Ok(Answer::Created(Created::Exists, BEGUN)));
    assert_eq!((ran.error(), ran.cookie()), (ErrorKind::NoRandomness, "keep"));
}

#[test]
fn after_the_response_head() {
    let late = |arrival, operation| {
        let mut case = Case::new(arrival, vec![operation]);
        case.request.head = Head::Sent;
        case.ok()
    };
    for (arrival, operation) in [
        (Arrival::Nobody, set(CART, "[2]")),
        (live(None), Operation::Renew),
        (live(None), sign_in("1")),
        (live(Some("1")), sign_in("2")),
    ] {
        let ran = late(arrival, operation);
        assert_eq!((ran.error(), ran.asked().len()), (ErrorKind::TooLate, 0));
    }
    late(live(None), set(CART, "[2]")).is(&["update"], "keep");
}

#[test]
fn a_record_has_a_size() {
    let large = format!("\"{}\"", "x".repeat(1000));
    for arrival in [Arrival::Nobody, live(None)] {
        let ran = Case::new(arrival, vec![set(CART, &large)]).ok();
        assert_eq!((ran.error(), ran.asked().len()), (ErrorKind::TooLarge, 0));
    }
}

#[test]
fn a_lifetime_renews_so_that_the_cookie_can_change() {
    let longer = Limits { idle: Duration::from_hours(24), absolute: Duration::from_hours(240) };
    let ran =
        Case::new(live(None), vec![Operation::Lifetime(Lifetime { limits: longer, persistent: true })]).ok();
    let CookieAction::Set { max_age, .. } = ran.finish.cookie else { panic!("a cookie") };
    assert_eq!(max_age, Some(longer.absolute));
    let change = ran.change();
    assert_eq!((change.limits, change.persistent), (Some(longer), Some(true)));
    assert!(change.renewal.is_some());
}

#[test]
fn a_blind_set_does_not_pass_a_gate_that_was_raised() {
    let arrival = live(None);
    let newer =
        Change { write: vec![CellWrite::new(WireKey::from_static("$s"), json("2"))], ..Change::default() };
    let current = moved(&arrival, &newer);
    for operation in [set(CART, "[2]"), take_cart(&arrival)] {
        let ran = Case::new(arrival.clone(), vec![operation])
            .run(|_, _| Ok(Answer::Updated(Updated::Conflict(current.clone()))));
        ran.is(&["update"], "keep");
        assert_eq!(ran.error(), ErrorKind::SchemaTooNew);
    }
}

#[test]
fn somebody_signed_in_meanwhile() {
    let arrival = live(None);
    let current = signed_in(&arrival, "1", &rules());
    for operation in [set(CART, "[2]"), Operation::Renew, set(CSRF, "null")] {
        let ran = Case::new(arrival.clone(), vec![operation]).run(conflict_first(&current));
        ran.is(&["update"], "keep");
        assert!(matches!(ran.finish.after, After::Displaced(_)));
        assert_eq!(ran.error(), ErrorKind::Superseded);
    }
    // A logout is carried out, whoever signed in.
    Case::new(arrival, vec![Operation::Purge]).ok().is(&["delete"], "remove");
}

#[test]
fn displaced_by_an_earlier_save() {
    let arrival = live(None);
    let rules = rules();
    let found = signed_in(&arrival, "1", &rules);
    let Arrival::Live(id, shown) = arrival else { panic!("a live session") };
    let displaced = || Arrival::Displaced { id, shown: shown.clone(), found: found.clone() };
    Case::new(displaced(), vec![]).ok().is(&[], "keep");
    let ran = Case::new(displaced(), vec![set(CART, "[2]")]).ok();
    assert_eq!((ran.error(), ran.asked().len()), (ErrorKind::Superseded, 0));
    Case::new(displaced(), vec![sign_in("2")]).ok().is(&["create"], "set");
    let joins = Case { rules, ..Case::new(displaced(), vec![sign_in("1")]) };
    joins.ok().is(&["update"], "set");
    Case::new(displaced(), vec![Operation::Purge]).ok().is(&["delete"], "remove");
}

#[test]
fn what_was_ended_stays_ended_if_what_follows_cannot_be_stored() {
    for answer in [unknown, || Ok(Answer::Created(Created::TooMany, BEGUN))] {
        let operations = vec![Operation::Purge, set(CART, "[2]")];
        let ran = Case::new(live(None), operations).run(|_, asked| match asked {
            Asked::Create(_) => answer(),
            _ => Ok(done(asked)),
        });
        ran.is(&["delete", "create"], "remove");
        assert!(matches!(ran.finish.after, After::Nobody) && ran.finish.result.is_err());
    }
}

#[test]
fn two_sign_ins_at_once_come_to_one_session_and_one_cookie() {
    let arrival = live(None);
    let rules = rules();
    let current = signed_in(&arrival, "1", &rules);
    let Arrival::Live(id, _) = arrival else { panic!("a live session") };
    let signing =
        |arrival: Arrival, operations| Case { rules: rules.clone(), ..Case::new(arrival, operations) };
    let cookie = |ran: &Ran| match &ran.finish.cookie {
        CookieAction::Set { id, .. } => id.verifier_hash(),
        _ => panic!("a cookie"),
    };
    let first = signing(arrival.clone(), vec![sign_in("1")]).ok();
    assert_eq!(cookie(&first), current.record.meta().verifier);
    let overlapping =
        signing(arrival.clone(), vec![set(CART, "[2]"), sign_in("1")]).run(conflict_first(&current));
    overlapping.is(&["update", "update"], "set");
    assert_eq!(keys(&overlapping.change().write), ["s.cart", "s.user"]);
    assert!(overlapping.change().renewal.is_none());
    let later = signing(Arrival::Superseded(id, current.clone()), vec![sign_in("1")]).ok();
    for ran in [overlapping, later] {
        assert_eq!(cookie(&ran), cookie(&first));
    }
    // Another user, or the same one after a while: a session of its own.
    signing(Arrival::Superseded(id, current.clone()), vec![sign_in("2")]).ok().is(&["create"], "set");
    signing(arrival, vec![sign_in("2")]).run(conflict_first(&current)).is(&["update", "create"], "set");
    let late = Loaded::new(current.record, current.now.saturating_add(SUPERSEDED_WINDOW));
    signing(Arrival::Superseded(id, late), vec![sign_in("1")]).ok().is(&["create"], "set");
}

#[test]
fn what_a_renewal_overtook_learns_nothing_of_what_came_after() {
    let arrival = live(None);
    let current = renewed(&arrival);
    for (operations, cart) in [(vec![set(CSRF, "2")], "[1]"), (vec![set(CART, "[2]")], "[2]")] {
        let ran = Case::new(arrival.clone(), operations).run(conflict_first(&current));
        let After::Live(_, shown) = ran.finish.after else { panic!("it goes on") };
        assert_eq!(shown.record.cell("s.cart").unwrap().json.as_str(), cart);
    }
}

#[test]
fn ended_before_an_earlier_save() {
    let ran = Case::new(Arrival::Ended, vec![set(CART, "[2]")]).ok();
    ran.is(&[], "keep");
    assert_eq!(ran.done(), Done::Gone);
    Case::new(Arrival::Ended, vec![]).ok().is(&[], "keep");
    Case::new(Arrival::Ended, vec![sign_in("1")]).ok().is(&["create"], "set");
    Case::new(Arrival::Ended, vec![Operation::Purge, set(CART, "[2]")]).ok().is(&["create"], "set");
}

#[test]
fn a_superseded_cookie_cannot_sign_out_on_the_way_in() {
    let ran = Case::new(superseded_since(Duration::ZERO), vec![Operation::Purge, sign_in("1")]).ok();
    assert_eq!((ran.error(), ran.asked().len()), (ErrorKind::Superseded, 0));
}

#[test]
fn what_cannot_be_created_is_not_purged_for() {
    let large = format!("\"{}\"", "x".repeat(1000));
    let ran = Case::new(live(None), vec![Operation::Purge, set(CART, &large)]).ok();
    assert_eq!((ran.error(), ran.asked().len()), (ErrorKind::TooLarge, 0));
}

#[test]
fn a_record_that_is_too_large_already_can_still_be_signed_in_to() {
    let mut case = Case::new(live(None), vec![set(CART, "[]"), Operation::Renew]);
    case.rules.max_record = 1;
    case.ok().is(&["update"], "set");
}

#[test]
fn no_update_is_sent_after_the_deadline() {
    let Arrival::Live(id, loaded) = live(None) else { panic!("a live session") };
    let current = moved(&Arrival::Live(id, loaded.clone()), &Change::default());
    let case = Case::new(Arrival::Live(id, loaded), vec![set(CART, "[2]")]);
    let mut commit = Commit::new(case.request, &case.rules);
    commit.begin();
    let mut next = Next::Wait(Duration::ZERO);
    for _ in 0..2 {
        next = commit.answered(Ok(Answer::Updated(Updated::Conflict(current.clone()))), Duration::ZERO);
    }
    assert!(matches!(next, Next::Wait(_)));
    let Next::Finish(finish) = commit.waited(Duration::from_secs(2)) else { panic!("it is too late") };
    assert_eq!(finish.result.unwrap_err().kind(), ErrorKind::Contended);
}

#[test]
fn what_a_closure_returns_is_not_told_across_a_renewal() {
    struct Tells;
    impl Replay for Tells {
        fn schema(&self) -> &'static Schema {
            &SCHEMA
        }
        fn tells(&self) -> bool {
            true
        }
        fn run(&self, _: Seen<'_>) -> Result<operation::Ran, Error> {
            Ok(operation::Ran {
                schema: &SCHEMA,
                read: Some(CART.at),
                wrote: vec![(CART.at, json("[5]"))],
                unset: Vec::new(),
            })
        }
    }
    let arrival = live(None);
    let current = renewed(&arrival);
    let mut ledger = Ledger::new();
    ledger.arrive(arrival);
    let ran = Tells.run(ledger.seen()).unwrap();
    ledger.ran(Rc::new(Tells), ran, Location::caller());
    let case = Case { rules: rules(), request: ledger.request().unwrap(), asked: Vec::new() };
    let ran = case.run(conflict_first(&current));
    ran.is(&["update"], "keep");
    assert_eq!(ran.error(), ErrorKind::Superseded);
}
