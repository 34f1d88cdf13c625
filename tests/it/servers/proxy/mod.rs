//! A proxy between a store and its server that injects faults at chosen commands, and counts commands.
//!
//! In: the port of a server, and which fault to inject at which command. Out: a port to connect to, and the commands that came. Never delays
//! anything unless a mode says so, and never speaks TLS.
//!
//! It runs on a thread of its own, so it keeps working between the runtimes of a test and while a test blocks.

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

/// What happens to a command and to its reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Pass,
    /// The command is forwarded after this time; the commands behind it on its connection wait too.
    Delay(Duration),
    /// Neither this command nor any later one of its connection reaches the server, and the client gets no answer.
    BlackHole,
    /// The connection ends before the command is forwarded.
    CutBeforeForward,
    /// The server executes the command, and the connection ends before the reply.
    CutAfterForward,
    /// The server executes the command, and the connection stays open but carries no replies any more.
    SwallowReply,
    /// The connection ends after this many bytes of the reply.
    Truncate(usize),
    /// The reply comes byte by byte, with this pause after each byte.
    SlowDrip(Duration),
    /// These bytes come in place of the reply.
    Garbage(Vec<u8>),
}

/// A command that came, whether or not it was forwarded.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    /// The number of the connection; the first one is 0.
    pub(crate) connection: usize,
    /// With Redis, the first word in capitals. With PostgreSQL, the SQL, or `prepare ` and the SQL if it is not run yet, or `startup`. With
    /// MySQL, the SQL or `startup`.
    pub(crate) name: String,
    pub(crate) bytes: usize,
    /// How many bytes of its reply have come from the server.
    pub(crate) reply_bytes: usize,
    /// Whether its connection waited for no other reply when it came, so that it begins a round trip.
    pub(crate) begins: bool,
}

/// A mode for one command, or for all commands of a kind.
struct Rule {
    is_meant: Box<dyn Fn(&Command) -> bool + Send>,
    /// How many matching commands pass first; without a number, all are affected.
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
    /// How many commands had been counted when the counts were last reset.
    forgotten: usize,
    connections: usize,
}

impl Plan {
    /// Records a command; returns its number and its mode.
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

/// The state that the thread of the proxy and the test share.
struct Shared {
    plan: Mutex<Plan>,
    /// Increased when the open connections are to be reset.
    resets: watch::Sender<u64>,
    protocol: Protocol,
}

/// What the client and the server speak.
#[derive(Clone, Copy)]
enum Protocol {
    Redis,
    Postgres,
    MySql,
}

impl Shared {
    fn requests(&self) -> Requests {
        match self.protocol {
            Protocol::Redis => Requests::Redis,
            Protocol::Postgres => Requests::Postgres { started: false, statements: HashMap::new() },
            Protocol::MySql => Requests::MySql { started: false },
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
    /// A proxy for the Redis server on this port.
    pub(crate) fn redis(upstream: u16) -> Self {
        Self::start(upstream, Protocol::Redis)
    }

    /// A proxy for the PostgreSQL server on this port.
    pub(crate) fn postgres(upstream: u16) -> Self {
        Self::start(upstream, Protocol::Postgres)
    }

    /// A proxy for the MariaDB server on this port.
    pub(crate) fn mariadb(upstream: u16) -> Self {
        Self::start(upstream, Protocol::MySql)
    }

    fn start(upstream: u16, protocol: Protocol) -> Self {
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
        let shared = Arc::new(Shared { plan: Mutex::new(plan), resets: watch::Sender::new(0), protocol });
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

    /// The URL for a store; `database` is the number of a Redis database or nothing, or the name of another database.
    pub(crate) fn url(&self, database: &str) -> String {
        let scheme = match self.shared.protocol {
            Protocol::Redis => "redis://",
            Protocol::Postgres => "postgres://postgres@",
            Protocol::MySql => "mysql://root@",
        };
        format!("{scheme}127.0.0.1:{}/{database}", self.port)
    }

    /// Forwards new connections to another port. Open ones stay where they are.
    pub(crate) fn point_to(&self, upstream: u16) {
        self.plan(|plan| plan.upstream = upstream);
    }

    /// Sets the mode of every command from now on, unless a rule matches it.
    pub(crate) fn set(&self, mode: Mode) {
        self.plan(|plan| plan.all = mode);
    }

    /// Sets the mode of every command of one connection from now on.
    pub(crate) fn set_connection(&self, connection: usize, mode: Mode) {
        self.plan(|plan| plan.of_connection.insert(connection, mode));
    }

    /// Sets the mode of the `nth` matching command, where 0 is the next one. It applies once; other commands pass.
    pub(crate) fn on_command(
        &self,
        nth: usize,
        is_meant: impl Fn(&Command) -> bool + Send + 'static,
        mode: Mode,
    ) {
        let rule = Rule { is_meant: Box::new(is_meant), before: Some(nth), mode };
        self.plan(|plan| plan.rules.push(rule));
    }

    /// Sets the mode of every matching command.
    pub(crate) fn on_each(&self, is_meant: impl Fn(&Command) -> bool + Send + 'static, mode: Mode) {
        let rule = Rule { is_meant: Box::new(is_meant), before: None, mode };
        self.plan(|plan| plan.rules.push(rule));
    }

    /// Forgets all modes and rules. A connection that went silent stays silent until it is reset.
    pub(crate) fn heal(&self) {
        self.plan(|plan| {
            (plan.all, plan.refusing) = (Mode::Pass, false);
            plan.of_connection.clear();
            plan.rules.clear();
        });
    }

    /// Ends each new connection as soon as it is accepted.
    pub(crate) fn refuse(&self) {
        self.plan(|plan| plan.refusing = true);
    }

    /// Resets all open connections.
    pub(crate) fn reset(&self) {
        self.shared.resets.send_modify(|resets| *resets += 1);
    }

    /// How many connections were accepted, including refused ones.
    pub(crate) fn connections(&self) -> usize {
        self.plan(|plan| plan.connections)
    }

    /// The commands since the counts were reset, without those that have no reply, such as a client's goodbye.
    pub(crate) fn commands(&self) -> Vec<Command> {
        self.plan(|plan| plan.commands.clone())
    }

    /// How many round trips there were: how often a connection sent something and then had to wait.
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
