//! A client: a simulated browser that edits its session, and checks everything it reads.
//!
//! In: the fleet. Out: the number of requests and reads, or the first answer that was wrong. Never: tries a failed request again.

use std::{
    fmt, mem,
    ops::AddAssign,
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, ScopedJoinHandle},
};

use rand::{RngExt, rngs::SmallRng};

use crate::{
    fleet::{Fleet, Release, Server},
    http::{self, Answer, Request},
    model::{Edit, Visitor},
};

pub(crate) struct Client {
    visitor: Visitor,
    cookie: Option<String>,
    random: SmallRng,
    count: Count,
}

/// The requests that a client has sent in one phase.
#[derive(Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) requests: u64,
    /// The reads among them. Each was answered, and correct.
    pub(crate) reads: u64,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.reads += other.reads;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests, {} reads checked", self.requests, self.reads)
    }
}

impl Client {
    pub(crate) fn new(user_id: u64) -> Self {
        Self {
            visitor: Visitor::new(user_id),
            cookie: None,
            random: rand::make_rng(),
            count: Count::default(),
        }
    }

    /// Edits and reads while servers are replaced, and then for `requests` more requests. `stray` is a server that is too old for the
    /// session.
    pub(crate) fn run(
        &mut self,
        fleet: &Fleet,
        stray: Option<&Server>,
        rolling: &AtomicBool,
        requests: u64,
    ) -> Result<Count, String> {
        while rolling.load(Ordering::Acquire) {
            self.visit(fleet)?;
        }
        let enough = self.count.requests + requests;
        // This edit goes through on any release, so the servers of this phase have written every session.
        let edit = self.visitor.new_nick();
        self.edit(fleet, vec![edit])?;
        while self.count.requests < enough {
            if let Some(stray) = stray {
                self.is_refused(stray)?;
            }
            self.visit(fleet)?;
        }
        Ok(mem::take(&mut self.count))
    }

    pub(crate) fn sign_in(&mut self, fleet: &Fleet) -> Result<(), String> {
        let edit = self.visitor.sign_in();
        self.edit(fleet, vec![edit])
    }

    /// Sends an edit to a server that is stopped while it handles the request. It must still finish that request.
    pub(crate) fn edit_while_it_stops(&mut self, server: &Server, fleet: &Fleet) -> Result<(), String> {
        let edit = self.visitor.new_nick();
        let request = edit.request();
        let failed = |error| format!("release {} stopped during {request}: {error}", server.release);
        let begun = http::begin(server.address, &request, self.cookie.as_deref()).map_err(failed)?;
        server.terminate()?;
        let answer = http::end(begun, &request).map_err(failed)?;
        self.accepted(server.release, edit, &answer)?;
        self.read(fleet)
    }

    /// Sends one edit, or two at once as from two tabs, and then reads the result from any server.
    fn visit(&mut self, fleet: &Fleet) -> Result<(), String> {
        let first = self.visitor.any_edit(&mut self.random);
        let second = self.visitor.any_edit(&mut self.random);
        let two = self.random.random_bool(0.5) && first.goes_with(&second);
        self.edit(fleet, if two { vec![first, second] } else { vec![first] })?;
        self.read(fleet)
    }

    /// Sends the edits at the same time, each to any server with a form for it. An edit is dropped if no server has one.
    fn edit(&mut self, fleet: &Fleet, edits: Vec<Edit>) -> Result<(), String> {
        let cookie = self.cookie.as_deref();
        let send = |edit: &Edit| {
            let releases = edit.releases();
            fleet.any(|release| releases.contains(&release), |server| ask(server, &edit.request(), cookie))
        };
        let answers: Vec<_> = thread::scope(|scope| {
            let tabs: Vec<_> = edits.iter().map(|edit| scope.spawn(move || send(edit))).collect();
            tabs.into_iter().map(ScopedJoinHandle::join).collect()
        });
        for (edit, answer) in edits.into_iter().zip(answers) {
            if let Some(answer) = answer.map_err(|_| "a tab panicked")? {
                let (release, answer) = answer?;
                self.accepted(release, edit, &answer)?;
            }
        }
        Ok(())
    }

    /// Checks the answer to an edit. From then on every read must show the edit.
    fn accepted(&mut self, release: Release, edit: Edit, answer: &Answer) -> Result<(), String> {
        self.count.requests += 1;
        let signs_in = matches!(edit, Edit::SignIn(_));
        // Signing in again within a minute keeps the cookie.
        let fits = match answer.cookie() {
            Some(_) => signs_in,
            None => self.cookie.is_some(),
        };
        if answer.status != 200 || !fits {
            return Err(unexpected(release, &edit.request(), answer));
        }
        if let Some(cookie) = answer.cookie() {
            self.cookie = Some(cookie.to_owned());
        }
        self.visitor.did(edit);
        Ok(())
    }

    fn read(&mut self, fleet: &Fleet) -> Result<(), String> {
        let request = Request::new("GET", "/", "");
        let read = fleet.any(|_| true, |server| ask(server, &request, self.cookie.as_deref()));
        let (release, answer) = read.unwrap_or_else(|| Err("there is no server".to_owned()))?;
        self.count.requests += 1;
        if answer.status != 200 || answer.cookie().is_some() {
            return Err(unexpected(release, &request, &answer));
        }
        self.visitor.check(release, &answer.body).map_err(|error| format!("release {release}: {error}"))?;
        self.count.reads += 1;
        Ok(())
    }

    /// Checks that a server that is too old answers 503 and sets no cookie. The next read shows that it left the session alone.
    fn is_refused(&mut self, stray: &Server) -> Result<(), String> {
        for request in [Request::new("GET", "/", ""), self.visitor.new_nick().request()] {
            let (release, answer) = ask(stray, &request, self.cookie.as_deref())?;
            self.count.requests += 1;
            if answer.status != 503 || answer.header("retry-after").is_none() || answer.cookie().is_some() {
                return Err(unexpected(release, &request, &answer));
            }
        }
        Ok(())
    }
}

fn ask(server: &Server, request: &Request, cookie: Option<&str>) -> Result<(Release, Answer), String> {
    match http::exchange(server.address, request, cookie) {
        Ok(answer) => Ok((server.release, answer)),
        Err(error) => Err(format!("release {}: {request}: {error}", server.release)),
    }
}

fn unexpected(release: Release, request: &Request, answer: &Answer) -> String {
    let cookie = if answer.cookie().is_some() { ", with a cookie" } else { "" };
    format!("release {release}: {request} was answered {answer}{cookie}")
}
