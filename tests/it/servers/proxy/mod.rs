//! A proxy between a store and its server that does harm, at a command of the test's choice, and counts.
//!
//! In: a port to pass connections on to, and what to do with which command. Out: a port to connect to, the commands that came.
//! Never: a timer that a mode did not ask for, or TLS.
//!
//! It runs on a thread of its own, so it also works between the runtimes of a test and while a test blocks.

mod relay;
pub(crate) mod wire;

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{net::TcpListener, sync::watch};

use self::wire::Requests;

/// What becomes of a command and of its reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Pass,
    /// The command goes on after this long; those behind it on its connection wait too.
    Delay(Duration),
    /// Neither this command nor a later one of its connection reaches the server, and nobody is told.
    BlackHole,
    /// The connection ends, and the server never sees the command.
    CutBeforeForward,
    /// The server does the command, and the connection ends instead of the reply.
    CutAfterForward,
    /// The server does the command, and nothing comes back any more on this connection, which stays open.
    SwallowReply,
    /// The connection ends after so many bytes of the reply.
    Truncate(usize),
    /// The reply comes byte by byte, with this pause after each.
    SlowDrip(Duration),
    /// These bytes come instead of the reply.
    Garbage(Vec<u8>),
}

/// A command that came, forwarded or not.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    /// The first connection is 0.
    pub(crate) connection: usize,
    /// Of Redis the first word in capitals. Of PostgreSQL the SQL; `prepare ` and the SQL if it is not run yet; or `startup`.
    pub(crate) name: String,
    pub(crate) bytes: usize,
    /// How much of its reply came from the server so far.
    pub(crate) reply_bytes: usize,
    /// Its connection waited for no other reply when it came, so it begins a round trip.
    pub(crate) begins: bool,
}

/// A mode for one command, or for all of a kind.
struct Rule {
    is_meant: Box<dyn Fn(&Command) -> bool + Send>,
    /// How many that are meant go by before; none: every one is treated so.
    before: Option<usize>,
    mode: Mode,
}

struct Plan {
    upstream: u16,
    refusing: bool,
    all: Mode,
    of_connection: HashMap<usize, Mode>,
    rules: Vec<Rule>,
    commands: Vec<Command>,
    /// How many commands were counted before the counts were reset.
    forgotten: usize,
    connections: usize,
}

impl Plan {
    /// Notes a command, and says its number and what becomes of it.
    fn decide(&mut self, command: Command) -> (usize, Mode) {
        let mut chosen = None;
        self.rules.retain_mut(|rule| {
            if chosen.is_some() || !(rule.is_meant)(&command) {
                return true;
            }
            match &mut rule.before {
                Some(before @ 1..) => *before -= 1,
                Some(0) => {
                    chosen = Some(rule.mode.clone());
                    return false;
                }
                None => chosen = Some(rule.mode.clone()),
            }
            true
        });
        let mode = chosen.or_else(|| self.of_connection.get(&command.connection).cloned());
        self.commands.push(command);
        (self.forgotten + self.commands.len() - 1, mode.unwrap_or_else(|| self.all.clone()))
    }

    fn note_reply(&mut self, command: usize, bytes: usize) {
        let kept = command.checked_sub(self.forgotten).and_then(|at| self.commands.get_mut(at));
        if let Some(command) = kept {
            command.reply_bytes += bytes;
        }
    }
}

/// What the proxy's thread and its test share.
struct Shared {
    plan: Mutex<Plan>,
    /// Counts up when the connections that are open are to be reset.
    resets: watch::Sender<u64>,
    postgres: bool,
}

impl Shared {
    fn requests(&self) -> Requests {
        if self.postgres {
            Requests::Postgres { started: false, statements: HashMap::new() }
        } else {
            Requests::Redis
        }
    }
}

pub(crate) struct Proxy {
    shared: Arc<Shared>,
    port: u16,
    end: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Before a Redis server on this port.
    pub(crate) fn redis(upstream: u16) -> Self {
        Self::start(upstream, false)
    }

    /// Before a PostgreSQL server on this port.
    pub(crate) fn postgres(upstream: u16) -> Self {
        Self::start(upstream, true)
    }

    fn start(upstream: u16, postgres: bool) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let plan = Plan {
            upstream,
            refusing: false,
            all: Mode::Pass,
            of_connection: HashMap::new(),
            rules: Vec::new(),
            commands: Vec::new(),
            forgotten: 0,
            connections: 0,
        };
        let shared = Arc::new(Shared { plan: Mutex::new(plan), resets: watch::Sender::new(0), postgres });
        let (end, ended) = watch::channel(());
        let with_thread = shared.clone();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                relay::serve(TcpListener::from_std(listener).unwrap(), with_thread, ended).await;
            });
        });
        Self { shared, port, end: Some(end), thread: Some(thread) }
    }

    fn plan<T>(&self, with: impl FnOnce(&mut Plan) -> T) -> T {
        with(&mut self.shared.plan.lock().unwrap())
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where a store connects to: the number of a database of Redis, or nothing; the name of one of PostgreSQL.
    pub(crate) fn url(&self, database: &str) -> String {
        let scheme = if self.shared.postgres { "postgres://postgres@" } else { "redis://" };
        format!("{scheme}127.0.0.1:{}/{database}", self.port)
    }

    /// Passes new connections on to another port; those that are open stay where they are.
    pub(crate) fn point_to(&self, upstream: u16) {
        self.plan(|plan| plan.upstream = upstream);
    }

    /// What becomes of every command from now on, unless something more particular is said of it.
    pub(crate) fn set(&self, mode: Mode) {
        self.plan(|plan| plan.all = mode);
    }

    /// What becomes of every command of one connection from now on.
    pub(crate) fn set_connection(&self, connection: usize, mode: Mode) {
        self.plan(|plan| plan.of_connection.insert(connection, mode));
    }

    /// What becomes of the `nth` command that is meant, 0 being the next one. Others pass by; it happens once.
    pub(crate) fn on_command(
        &self,
        nth: usize,
        is_meant: impl Fn(&Command) -> bool + Send + 'static,
        mode: Mode,
    ) {
        let rule = Rule { is_meant: Box::new(is_meant), before: Some(nth), mode };
        self.plan(|plan| plan.rules.push(rule));
    }

    /// What becomes of each command that is meant.
    pub(crate) fn on_each(&self, is_meant: impl Fn(&Command) -> bool + Send + 'static, mode: Mode) {
        let rule = Rule { is_meant: Box::new(is_meant), before: None, mode };
        self.plan(|plan| plan.rules.push(rule));
    }

    /// Everything passes again: modes and rules are forgotten. A connection that went silent stays so until it is reset.
    pub(crate) fn heal(&self) {
        self.plan(|plan| {
            (plan.all, plan.refusing) = (Mode::Pass, false);
            plan.of_connection.clear();
            plan.rules.clear();
        });
    }

    /// Ends each new connection as soon as it is made.
    pub(crate) fn refuse(&self) {
        self.plan(|plan| plan.refusing = true);
    }

    /// Resets all connections that are open.
    pub(crate) fn reset(&self) {
        self.shared.resets.send_modify(|resets| *resets += 1);
    }

    /// Connections accepted so far, refused ones too.
    pub(crate) fn connections(&self) -> usize {
        self.plan(|plan| plan.connections)
    }

    /// Commands since the counts were reset, those that are answered by nothing (such as a client's goodbye) left out.
    pub(crate) fn commands(&self) -> Vec<Command> {
        self.plan(|plan| plan.commands.clone())
    }

    /// How often a client, each connection by itself, sent something and then had to wait.
    pub(crate) fn round_trips(&self) -> usize {
        self.plan(|plan| plan.commands.iter().filter(|command| command.begins).count())
    }

    pub(crate) fn reset_counts(&self) {
        self.plan(|plan| plan.forgotten += plan.commands.drain(..).count());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
