//! A client: a browser that edits, and checks everything it reads.

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

/// What a client has done in a phase.
#[derive(Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) requests: u64,
    /// Of these, reads that were answered, and right.
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

    /// Edits and reads while servers are replaced, and then for so many requests more. `stray` is a server too old for this session.
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
        // So these servers have written every session, also that of a client that was unlucky with its edits.
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

    /// Edits on a server that is told to stop meanwhile: what it has begun, it ends.
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

    /// One edit, or two at once as from two tabs; then a look at the result, wherever.
    fn visit(&mut self, fleet: &Fleet) -> Result<(), String> {
        let first = self.visitor.any_edit(&mut self.random);
        let second = self.visitor.any_edit(&mut self.random);
        let two = self.random.random_bool(0.5) && first.goes_with(&second);
        self.edit(fleet, if two { vec![first, second] } else { vec![first] })?;
        self.read(fleet)
    }

    /// Sends edits, all at once, each to any server that has a form for it; where there is none, it is not made.
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

    /// An edit was answered, as it should be: from now on every read must show it.
    fn accepted(&mut self, release: Release, edit: Edit, answer: &Answer) -> Result<(), String> {
        self.count.requests += 1;
        let signs_in = matches!(edit, Edit::SignIn(_));
        if answer.status != 200 || answer.cookie().is_some() != signs_in {
            return Err(unexpected(release, &edit.request(), answer));
        }
        if signs_in {
            self.cookie = answer.cookie().map(str::to_owned);
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

    /// 503, to be tried elsewhere: the cookie stays, and the session is left as it is, as the next read shows.
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
