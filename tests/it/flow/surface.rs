//! Everything that handles and `Session` can do, in random order, against a model made of plain values.
//!
//! A case is a browser and the requests that it sends one after the other. During some of them, a second request of the same browser
//! runs from beginning to end. What any handle shows must be what the model has, at every moment.

use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use actix_typed_session::{Error, Session, SessionState, TypedSession};
use actix_web::{HttpResponse, rt::System, web};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use tokio::sync::Notify;

use super::{
    kit::{Browser, Shop, World},
    late::Late,
};

#[derive(SessionState)]
#[session(name = "look", version = 1, lock = off)]
struct Look {
    theme: Option<u32>,
    #[session(default)]
    views: u32,
    #[session(default)]
    scores: Vec<f64>,
}

/// One call. The first number is one of two handles of `Shop`.
#[derive(Clone, PartialEq, Debug)]
enum Op {
    SetVisits(usize, u32),
    AddVisits(usize, u32),
    SetCart(usize, u32),
    Push(usize, u32),
    SetDraft(usize, u32),
    SetNotice(usize, u32),
    ClearNotice(usize),
    Take(usize),
    Update(usize, u32),
    UpdateNothing(usize),
    TryUpdate(usize, u32),
    SetTheme(u32),
    ClearTheme,
    RaiseTheme,
    AddViews(u32),
    SignIn(usize, u64),
    SignOut(usize),
    Renew,
    Purge,
    Discard,
    Lifetime(bool),
    Label,
    Save,
    /// A value that is refused; the handler acknowledges that.
    SetUnreadable,
    /// More than the session may hold. The handler acknowledges that, and so gives up what it has not saved.
    SetHuge,
    List,
    RevokeOne,
    RevokeOthers,
    RevokeAll,
    Reload,
    ReloadHandle(usize),
    See(usize),
    SeeLook,
    SeeSession,
    /// Waits until the second request has ended.
    Gate,
}
use Op::*;

/// What one request must be able to see.
#[derive(Clone, Debug, Default, PartialEq)]
struct Values {
    user: Option<u64>,
    cart: Vec<u32>,
    visits: u32,
    draft: String,
    notice: Option<String>,
    theme: Option<u32>,
    views: u32,
}

impl Values {
    fn shop(&self) -> String {
        let Self { user, cart, visits, draft, notice, .. } = self;
        format!("{user:?} {cart:?} {visits} {draft:?} {notice:?}")
    }

    fn look(&self) -> String {
        format!("{:?} {}", self.theme, self.views)
    }
}

/// What the store has.
#[derive(Default)]
struct Store {
    /// The session of the browser.
    session: Option<Stored>,
    /// The sessions of other browsers, by user.
    others: BTreeMap<u64, usize>,
}

impl Store {
    fn others(&mut self, user: u64) -> &mut usize {
        self.others.entry(user).or_default()
    }

    /// How many sessions `user` has.
    fn sessions_of(&mut self, user: u64) -> usize {
        let own = self.session.as_ref().is_some_and(|session| session.values.user == Some(user));
        *self.others(user) + usize::from(own)
    }
}

/// A session that the store has.
#[derive(Clone, Debug, Default)]
struct Stored {
    values: Values,
    /// Counts the writes of the notice.
    notices: u32,
}

/// One request in the model.
#[derive(Default)]
struct Model {
    /// What it loaded, or saved last.
    base: Option<Stored>,
    values: Values,
    /// The fields that it wrote since, and whether they have a value.
    wrote: BTreeMap<&'static str, bool>,
    /// Whether it has left the session in `base`.
    left: bool,
    /// What it did since, and for a take the notice that it saw.
    pending: Vec<(Op, u32)>,
    seen: Vec<String>,
}

impl Model {
    fn arrive(stored: Option<&Stored>) -> Self {
        let values = stored.map(|stored| stored.values.clone()).unwrap_or_default();
        Self { base: stored.cloned(), values, ..Self::default() }
    }

    fn perform(&mut self, op: &Op, store: &mut Store) {
        match op {
            List | RevokeOne | RevokeOthers | RevokeAll => {
                let said = self.manage(op, store);
                self.seen.push(said);
                return;
            }
            _ => {}
        }
        let stored = &mut store.session;
        match op {
            SetUnreadable => self.seen.push("NotReadable".into()),
            SetHuge => {
                *self = Self { seen: std::mem::take(&mut self.seen), ..Self::arrive(self.base.as_ref()) };
                self.seen.push("TooLarge".into());
            }
            Save => {
                self.commit(stored);
                self.seen.push("Ok".into());
            }
            Reload | ReloadHandle(_) => {
                self.adopt(stored.as_ref());
                self.seen.push("Ok".into());
            }
            TryUpdate(..) => {
                self.record(op);
                self.commit(stored);
                self.seen.push(self.values.visits.to_string());
            }
            Discard => {
                *self = Self { seen: std::mem::take(&mut self.seen), ..Self::arrive(self.base.as_ref()) }
            }
            See(_) => self.seen.push(self.values.shop()),
            SeeLook => self.seen.push(self.values.look()),
            SeeSession => {
                let exists = self.base.is_some() && !self.left;
                let is_new = !exists && self.wrote.values().any(|has_value| *has_value);
                let user = self.values.user;
                let lives = exists || is_new;
                let is_user = user.is_some();
                self.seen.push(format!("{exists} {is_new} {exists} {exists} {lives} {is_user} {is_user}"));
            }
            Take(_) => {
                self.seen.push(format!("{:?}", self.values.notice));
                self.record(op);
            }
            Gate => {}
            _ => self.record(op),
        }
    }

    /// Looks at, or ends, the sessions of the user who is signed in. That happens at once.
    fn manage(&mut self, op: &Op, store: &mut Store) -> String {
        let Some(user) = self.values.user else { return "0".into() };
        if self.base.is_some() && store.session.is_none() {
            return "Gone".into();
        }
        let has_session = self.base.is_some() && !self.left;
        let all = store.sessions_of(user);
        let is_stored = all > *store.others(user);
        match op {
            List => all.to_string(),
            RevokeOne => {
                let one = usize::from(has_session && *store.others(user) > 0);
                *store.others(user) -= one;
                one.to_string()
            }
            RevokeOthers | RevokeAll => {
                let is_spared = *op == RevokeOthers && has_session && is_stored;
                store.others.remove(&user);
                if is_stored && !is_spared {
                    store.session = None;
                }
                if *op == RevokeAll {
                    self.record(&Purge);
                }
                (all - usize::from(is_spared)).to_string()
            }
            _ => unreachable!(),
        }
    }

    fn record(&mut self, op: &Op) {
        let notices = self.base.as_ref().map_or(0, |base| base.notices);
        if let (Take(_), None) = (op, &self.values.notice) {
            return;
        }
        self.pending.push((op.clone(), notices));
        self.play(op);
    }

    fn play(&mut self, op: &Op) {
        let Self { values, wrote, .. } = self;
        match op {
            SetVisits(_, n) => {
                values.visits = *n;
                wrote.insert("visits", true);
            }
            AddVisits(_, n) => {
                values.visits += n;
                if *n > 0 {
                    wrote.insert("visits", true);
                }
            }
            SetCart(_, n) => {
                values.cart = vec![*n; 2];
                wrote.insert("cart", true);
            }
            Push(_, n) => {
                values.cart.push(*n);
                wrote.insert("cart", true);
            }
            SetDraft(_, n) => {
                values.draft = format!("draft {n}");
                wrote.insert("draft", true);
            }
            SetNotice(_, n) => {
                values.notice = Some(format!("notice {n}"));
                wrote.insert("notice", true);
            }
            ClearNotice(_) | Take(_) => {
                values.notice = None;
                wrote.insert("notice", false);
            }
            Update(_, n) | TryUpdate(_, n) => {
                values.visits += n + 1;
                values.cart.push(*n);
                wrote.insert("visits", true);
                wrote.insert("cart", true);
            }
            SetTheme(n) => {
                values.theme = Some(*n);
                wrote.insert("theme", true);
            }
            ClearTheme => {
                values.theme = None;
                wrote.insert("theme", false);
            }
            RaiseTheme => {
                values.theme = Some(values.theme.unwrap_or(0) + 1);
                wrote.insert("theme", true);
            }
            AddViews(n) => {
                values.views += n + 1;
                wrote.insert("views", true);
            }
            SignIn(_, user) => {
                match values.user {
                    None => {
                        values.draft.clear();
                        wrote.remove("draft");
                    }
                    Some(other) if other != *user => self.leave(),
                    Some(_) => {}
                }
                self.values.user = Some(*user);
                self.wrote.insert("user", true);
            }
            SignOut(_) => {
                if values.user.is_some() {
                    self.leave();
                } else {
                    wrote.insert("user", false);
                }
            }
            Purge => self.leave(),
            UpdateNothing(_) | Renew | Lifetime(_) | Label => {}
            Discard | Save | Reload | ReloadHandle(_) | See(_) | SeeLook | SeeSession | Gate
            | SetUnreadable | SetHuge | List | RevokeOne | RevokeOthers | RevokeAll => unreachable!(),
        }
    }

    fn leave(&mut self) {
        self.left = true;
        self.values = Values::default();
        self.wrote.clear();
    }

    /// Plays what it did on what is stored now.
    fn adopt(&mut self, stored: Option<&Stored>) {
        if self.left {
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        let seen = std::mem::take(&mut self.seen);
        *self = Self { seen, ..Self::arrive(stored) };
        for (op, notices) in pending {
            // A message that was written meanwhile stays.
            let taken = self.base.as_ref().map_or(0, |base| base.notices) == notices;
            if !matches!(op, Take(_)) || taken || self.wrote.contains_key("notice") {
                self.play(&op);
            }
            self.pending.push((op, notices));
        }
    }

    fn commit(&mut self, stored: &mut Option<Stored>) {
        self.adopt(stored.as_ref());
        let begins = self.wrote.values().any(|has_value| *has_value);
        let notices = stored.as_ref().map_or(0, |stored| stored.notices);
        let notices = notices + u32::from(self.wrote.contains_key("notice"));
        let exists = self.base.is_some() && !self.left;
        *stored = (exists || begins).then(|| Stored { values: self.values.clone(), notices });
        let seen = std::mem::take(&mut self.seen);
        *self = Self { seen, ..Self::arrive(stored.as_ref()) };
    }
}

/// A request, and what happens around it.
#[derive(Clone, Debug, Default)]
struct Sent {
    /// A user signs in with another browser before.
    other_browser: Option<u64>,
    ops: Vec<Op>,
    /// The request that runs during it.
    during: Option<Vec<Op>>,
    /// What its body does, after the head of the response.
    late: Vec<Op>,
}

/// What a request does in its handler and in its body, and what it saw.
type Script = (Vec<Op>, Vec<Op>, Vec<String>);

thread_local! {
    /// The requests, by their number.
    static SCRIPT: RefCell<BTreeMap<usize, Script>> = RefCell::default();
}

async fn handler(
    number: web::Path<usize>,
    shops: (TypedSession<Shop>, TypedSession<Shop>),
    mut look: TypedSession<Look>,
    session: Session,
    gate: web::Data<Notify>,
) -> HttpResponse {
    let (ops, late) = SCRIPT.with_borrow(|script| (script[&number].0.clone(), script[&number].1.clone()));
    let mut shops = [shops.0, shops.1];
    let number = *number;
    act_all(number, ops, &mut shops, &mut look, &session, &gate).await;
    HttpResponse::Ok().body(Late::new(async move {
        act_all(number, late, &mut shops, &mut look, &session, &gate).await;
        "done".to_owned()
    }))
}

async fn act_all(
    number: usize,
    ops: Vec<Op>,
    shops: &mut [TypedSession<Shop>; 2],
    look: &mut TypedSession<Look>,
    session: &Session,
    gate: &Notify,
) {
    for op in ops {
        let seen = act(&op, shops, look, session, gate).await;
        SCRIPT.with_borrow_mut(|script| script.get_mut(&number).unwrap().2.extend(seen));
    }
}

async fn act(
    op: &Op,
    shops: &mut [TypedSession<Shop>; 2],
    look: &mut TypedSession<Look>,
    session: &Session,
    gate: &Notify,
) -> Option<String> {
    let said = |result: Result<(), Error>| match result {
        Ok(()) => Some("Ok".to_owned()),
        Err(error) => Some(error.to_string()),
    };
    let refused = |result: Result<(), Error>| {
        let error = result.expect_err("it is refused");
        error.acknowledge();
        Some(format!("{:?}", error.kind()))
    };
    let counted = |result: Result<u64, Error>| {
        Some(result.map_or_else(|error| format!("{:?}", error.kind()), |count| count.to_string()))
    };
    let hour = Duration::from_hours(1);
    match *op {
        SetVisits(at, n) => shops[at].set_visits(n),
        AddVisits(at, n) => shops[at].update_visits(move |visits| *visits += n),
        SetCart(at, n) => shops[at].set_cart(vec![n; 2]),
        Push(at, n) => shops[at].update_cart(move |cart| cart.push(n)),
        SetDraft(at, n) => shops[at].set_draft(format!("draft {n}")),
        SetNotice(at, n) => shops[at].set_notice(format!("notice {n}")),
        ClearNotice(at) => shops[at].clear_notice(),
        Take(at) => return Some(format!("{:?}", shops[at].take_notice())),
        Update(at, n) => shops[at].update(move |shop| {
            shop.visits += n + 1;
            shop.cart.push(n);
        }),
        UpdateNothing(at) => shops[at].update(|_| ()),
        TryUpdate(at, n) => {
            let visits = shops[at].try_update(move |shop| {
                shop.visits += n + 1;
                shop.cart.push(n);
                shop.visits
            });
            return Some(visits.await.map_or_else(|error| error.to_string(), |visits| visits.to_string()));
        }
        SetTheme(n) => look.set_theme(n),
        ClearTheme => look.clear_theme(),
        RaiseTheme => look.update_theme(|theme| *theme = Some(theme.unwrap_or(0) + 1)),
        AddViews(n) => look.update(move |look| look.views += n + 1),
        SignIn(at, user) => shops[at].set_user(user),
        SignOut(at) => shops[at].clear_user(),
        Renew => session.renew(),
        Purge => session.purge(),
        Discard => session.discard(),
        Lifetime(persistent) => session.set_lifetime(hour, hour * 24, persistent),
        Label => session.set_label("a browser"),
        Save => return said(session.save().await),
        SetUnreadable => {
            look.set_scores(vec![f64::NAN]);
            return refused(session.save().await);
        }
        SetHuge => {
            shops[0].set_draft("x".repeat(100_000));
            return refused(session.save().await);
        }
        List => return counted(session.sessions().await.map(|sessions| sessions.len() as u64)),
        RevokeOne => {
            let Ok(sessions) = session.sessions().await else { return Some("Gone".into()) };
            let other = sessions.iter().find(|one| !one.is_current).filter(|_| session.public_id().is_some());
            return match other {
                Some(other) => counted(session.revoke(other.public_id).await.map(|()| 1)),
                None => Some("0".into()),
            };
        }
        RevokeOthers => return counted(session.revoke_others().await),
        RevokeAll => return counted(session.revoke_all().await),
        Reload => return said(session.reload().await),
        ReloadHandle(at) => return said(shops[at].reload().await),
        See(at) => {
            let shop = &shops[at];
            let (user, notice) = (shop.user(), shop.notice());
            return Some(format!(
                "{user:?} {:?} {} {:?} {notice:?}",
                shop.cart(),
                shop.visits(),
                shop.draft()
            ));
        }
        SeeLook => return Some(format!("{:?} {}", look.theme(), look.views())),
        SeeSession => {
            return Some(format!(
                "{} {} {} {} {} {} {}",
                session.exists(),
                session.is_new(),
                session.public_id().is_some(),
                session.created().is_some(),
                session.expires_in().is_some(),
                session.principal().is_some(),
                session.authenticated_within(hour)
            ));
        }
        Gate => gate.notified().await,
    }
    None
}

/// Sends a request with these operations, and checks its status.
async fn send(browser: &Browser<'_>, number: usize, ops: &[Op], late: &[Op]) -> Result<(), String> {
    SCRIPT.with_borrow_mut(|script| script.insert(number, (ops.to_vec(), late.to_vec(), Vec::new())));
    let answer = browser.get(&format!("/run/{number}")).await;
    if answer.status == 200 { Ok(()) } else { Err(format!("request {number} was answered {answer:?}")) }
}

/// What must be seen, and what was.
type Compared = (Vec<String>, Vec<String>);

async fn run(sent: &[Sent]) -> Result<Vec<Compared>, String> {
    let routes = |routes: &mut web::ServiceConfig| {
        routes.route("/run/{number}", web::get().to(handler));
    };
    let world = World::routed(|builder| builder, routes).await;
    let browser = world.browser();
    let mut store = Store::default();
    let mut compared = Vec::new();
    for (nth, Sent { other_browser, ops, during, late }) in sent.iter().enumerate() {
        let (outer, inner) = (2 * nth, 2 * nth + 1);
        if let Some(user) = other_browser {
            world.browser_after(&format!("in{user}")).await;
            *store.others(*user) += 1;
        }
        let mut model = Model::arrive(store.session.as_ref());
        let beside = during.as_ref().filter(|_| store.session.is_some());
        let ops: Vec<Op> = ops.iter().filter(|op| beside.is_some() || !matches!(op, Gate)).cloned().collect();
        let mut second = Model::default();
        for op in &ops {
            if let (Gate, Some(during)) = (op, beside) {
                second = Model::arrive(store.session.as_ref());
                for op in during {
                    second.perform(op, &mut store);
                }
                second.commit(&mut store.session);
            }
            model.perform(op, &mut store);
        }
        model.commit(&mut store.session);
        // Without a session, a body cannot begin one.
        let late = if store.session.is_some() { &late[..] } else { &[] };
        for op in late {
            model.perform(op, &mut store);
        }
        match beside {
            None => send(&browser, outer, &ops, late).await?,
            Some(during) => {
                let other = browser.clone();
                let (sent, sent_during) = tokio::join!(biased; send(&browser, outer, &ops, late), async {
                    let sent = send(&other, inner, during, &[]).await;
                    world.gate.notify_one();
                    sent
                });
                sent.and(sent_during)?;
                if during.iter().any(is_privileged) {
                    browser.adopt(&other);
                }
                let saw = SCRIPT.with_borrow(|script| script[&inner].2.clone());
                compared.push((second.seen, saw));
            }
        }
        let saw = SCRIPT.with_borrow(|script| script[&outer].2.clone());
        compared.push((model.seen, saw));
    }
    Ok(compared)
}

/// What changes who may use the session.
fn is_privileged(op: &Op) -> bool {
    matches!(op, SignIn(..) | SignOut(_) | Renew | Purge)
}

fn handle() -> impl Strategy<Value = usize> {
    0..2_usize
}

/// Calls that write, read, or save what is written, with numbers from `from` on.
fn plain(from: u32) -> impl Strategy<Value = Op> {
    let number = move || (0..4_u32).prop_map(move |number| from + number);
    prop_oneof![
        (handle(), number()).prop_map(|(at, n)| SetVisits(at, n)),
        (handle(), 0..3_u32).prop_map(|(at, n)| AddVisits(at, n)),
        (handle(), number()).prop_map(|(at, n)| SetCart(at, n)),
        (handle(), number()).prop_map(|(at, n)| Push(at, n)),
        (handle(), number()).prop_map(|(at, n)| SetDraft(at, n)),
        (handle(), number()).prop_map(|(at, n)| SetNotice(at, n)),
        handle().prop_map(Take),
        (handle(), 0..3_u32).prop_map(|(at, n)| Update(at, n)),
        handle().prop_map(UpdateNothing),
        (handle(), 0..3_u32).prop_map(|(at, n)| TryUpdate(at, n)),
        number().prop_map(SetTheme),
        Just(RaiseTheme),
        (0..3_u32).prop_map(AddViews),
        Just(Save),
        Just(Reload),
        handle().prop_map(ReloadHandle),
        handle().prop_map(See),
        handle().prop_map(See),
        Just(SeeLook),
        Just(SeeSession),
    ]
}

fn any_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => plain(0),
        1 => prop_oneof![
            handle().prop_map(ClearNotice),
            Just(ClearTheme),
            (handle(), 1..3_u64).prop_map(|(at, user)| SignIn(at, user)),
            (handle(), 1..3_u64).prop_map(|(at, user)| SignIn(at, user)),
            handle().prop_map(SignOut),
            Just(SetUnreadable),
            Just(SetHuge),
            Just(List),
            Just(RevokeOne),
            Just(RevokeOthers),
            Just(RevokeAll),
            Just(Renew),
            Just(Purge),
            Just(Discard),
            any::<bool>().prop_map(Lifetime),
            Just(Label),
        ],
    ]
}

/// `ops`, without a way back from the end of the session: it has ended in the store, and the model does not say what a write then comes to.
fn without_regret(mut ops: Vec<Op>) -> Vec<Op> {
    let mut has_ended = false;
    ops.retain(|op| {
        has_ended |= matches!(op, RevokeAll | RevokeOthers);
        !has_ended || !matches!(op, Discard | SetHuge)
    });
    ops
}

fn seeing(ops: Vec<Op>) -> Vec<Op> {
    [ops, vec![See(0), See(1), SeeLook, SeeSession]].concat()
}

/// A request alone, or two that overlap. A write that equals what was loaded counts as done then, so overlapping requests write numbers
/// of their own. Of a request that another one overtakes with a change of privileges, the table and the model of the commit tell what is
/// stored; here it has saved, and goes on seeing what it had read.
fn sent(nth: u32) -> impl Strategy<Value = Sent> {
    let alone = (
        vec(any_op(), 0..12).prop_map(without_regret),
        proptest::option::weighted(0.3, 1..3_u64),
        vec(plain(0), 0..4),
    )
        .prop_map(|(ops, other_browser, late)| Sent {
            other_browser,
            ops: seeing(ops),
            late: seeing(late),
            ..Sent::default()
        });
    let begin = vec(plain(1000 + 20 * nth), 0..6);
    let end = vec(plain(1004 + 20 * nth), 0..6);
    let overlap = (begin, vec(plain(1008 + 20 * nth), 0..6), end).prop_map(|(begin, during, end)| {
        let ops = [seeing(begin), vec![Gate], seeing(end)].concat();
        Sent { ops, during: Some(seeing(during)), ..Sent::default() }
    });
    let privileged = prop_oneof![
        (handle(), 1..3_u64).prop_map(|(at, user)| SignIn(at, user)),
        handle().prop_map(SignOut),
        Just(Renew),
        Just(Purge),
    ];
    let overtaken =
        (vec(plain(0), 0..6), privileged, vec(plain(0), 0..6)).prop_map(|(begin, privileged, during)| {
            let ops = [seeing(begin), vec![Save, Gate], seeing(Vec::new())].concat();
            Sent { ops, during: Some(seeing([vec![privileged], during].concat())), ..Sent::default() }
        });
    prop_oneof![2 => alone, 1 => overlap, 1 => overtaken]
}

/// actix-session 0.11.
#[test]
fn every_handle_shows_what_a_model_of_plain_values_has() {
    let requests = (1..6_u32).prop_flat_map(|count| (0..count).map(sent).collect::<Vec<_>>());
    let mut runner = TestRunner::new(ProptestConfig { cases: 4000, ..ProptestConfig::default() });
    let system = System::new();
    let result = runner.run(&requests, |sent| {
        let compared = system.block_on(run(&sent)).map_err(TestCaseError::fail)?;
        for (model, handles) in compared {
            prop_assert_eq!(model, handles);
        }
        Ok(())
    });
    result.unwrap_or_else(|failed| panic!("{failed}"));
}
