//! Everything that handles and `Session` can do, in random order, against a model made of plain values.
//!
//! A case is a browser and the requests that it sends one after the other. During some of them, a second request of the same browser
//! runs from beginning to end. What any handle shows must be what the model has, at every moment.

use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use actix_typed_session::{Session, SessionState, TypedSession};
use actix_web::{rt::System, web};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use tokio::sync::Notify;

use super::kit::{Browser, Shop, World};

#[derive(SessionState)]
#[session(name = "look", version = 1, lock = off)]
struct Look {
    theme: Option<u32>,
    #[session(default)]
    views: u32,
}

/// One call. The first number is one of two handles of `Shop`.
#[derive(Clone, Debug)]
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

/// The session that the store has.
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

    fn perform(&mut self, op: &Op, stored: &mut Option<Stored>) {
        match op {
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
                self.seen.push(format!("{exists} {is_new} {exists} {} {}", user.is_some(), user.is_some()));
            }
            Take(_) => {
                self.seen.push(format!("{:?}", self.values.notice));
                self.record(op);
            }
            Gate => {}
            _ => self.record(op),
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
            Discard | Save | Reload | ReloadHandle(_) | See(_) | SeeLook | SeeSession | Gate => {
                unreachable!()
            }
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

/// A request, and the one that runs during it.
#[derive(Clone, Debug)]
struct Sent {
    ops: Vec<Op>,
    during: Option<Vec<Op>>,
}

/// What a request does, and what it saw.
type Script = (Vec<Op>, Vec<String>);

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
) -> &'static str {
    let ops = SCRIPT.with_borrow(|script| script[&number].0.clone());
    let mut shops = [shops.0, shops.1];
    for op in ops {
        let seen = act(&op, &mut shops, &mut look, &session, &gate).await;
        SCRIPT.with_borrow_mut(|script| script.get_mut(&number).unwrap().1.extend(seen));
    }
    "done"
}

async fn act(
    op: &Op,
    shops: &mut [TypedSession<Shop>; 2],
    look: &mut TypedSession<Look>,
    session: &Session,
    gate: &Notify,
) -> Option<String> {
    let said = |result: Result<(), actix_typed_session::Error>| match result {
        Ok(()) => Some("Ok".to_owned()),
        Err(error) => Some(error.to_string()),
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
                "{} {} {} {} {}",
                session.exists(),
                session.is_new(),
                session.public_id().is_some(),
                session.principal().is_some(),
                session.authenticated_within(hour)
            ));
        }
        Gate => gate.notified().await,
    }
    None
}

/// Sends a request with these operations, and checks its status.
async fn send(browser: &Browser<'_>, number: usize, ops: &[Op]) -> Result<(), String> {
    SCRIPT.with_borrow_mut(|script| script.insert(number, (ops.to_vec(), Vec::new())));
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
    let mut stored = None;
    let mut compared = Vec::new();
    for (nth, Sent { ops, during }) in sent.iter().enumerate() {
        let (outer, inner) = (2 * nth, 2 * nth + 1);
        let mut model = Model::arrive(stored.as_ref());
        let beside = during.as_ref().filter(|_| stored.is_some());
        let ops: Vec<Op> = ops.iter().filter(|op| beside.is_some() || !matches!(op, Gate)).cloned().collect();
        let mut second = Model::default();
        for op in &ops {
            if let (Gate, Some(during)) = (op, beside) {
                second = Model::arrive(stored.as_ref());
                for op in during {
                    second.perform(op, &mut stored);
                }
                second.commit(&mut stored);
            }
            model.perform(op, &mut stored);
        }
        model.commit(&mut stored);
        match beside {
            None => send(&browser, outer, &ops).await?,
            Some(during) => {
                let other = browser.clone();
                let (sent, sent_during) = tokio::join!(biased; send(&browser, outer, &ops), async {
                    let sent = send(&other, inner, during).await;
                    world.gate.notify_one();
                    sent
                });
                sent.and(sent_during)?;
                let saw = SCRIPT.with_borrow(|script| script[&inner].1.clone());
                compared.push((second.seen, saw));
            }
        }
        let saw = SCRIPT.with_borrow(|script| script[&outer].1.clone());
        compared.push((model.seen, saw));
    }
    Ok(compared)
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
            Just(Renew),
            Just(Purge),
            Just(Discard),
            any::<bool>().prop_map(Lifetime),
            Just(Label),
        ],
    ]
}

fn seeing(ops: Vec<Op>) -> Vec<Op> {
    [ops, vec![See(0), See(1), SeeLook, SeeSession]].concat()
}

/// A request alone, or two that overlap. Those write plainly: of privileges the table and the model of the commit decide. A write that
/// equals what was loaded counts as done then, so overlapping requests write numbers of their own.
fn sent(nth: u32) -> impl Strategy<Value = Sent> {
    let alone = vec(any_op(), 0..12).prop_map(|ops| Sent { ops: seeing(ops), during: None });
    let begin = vec(plain(1000 + 20 * nth), 0..6);
    let end = vec(plain(1004 + 20 * nth), 0..6);
    let overlap = (begin, vec(plain(1008 + 20 * nth), 0..6), end).prop_map(|(begin, during, end)| {
        let ops = [seeing(begin), vec![Gate], seeing(end)].concat();
        Sent { ops, during: Some(seeing(during)) }
    });
    prop_oneof![2 => alone, 1 => overlap]
}

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
