//! The scripts, and calls on one Redis key.
//!
//! In: a script or a command, a Redis key, and arguments. Out: the commands to send. Never: I/O.
//!
//! Every atomic change is one script on one Redis key, so in a cluster it concerns one slot.

use std::{borrow::Cow, sync::LazyLock};

use redis::Cmd;

/// A script, and the SHA-1 by which a server remembers it.
pub(super) struct Script {
    code: &'static str,
    sha: String,
}

macro_rules! scripts {
    ($($name:ident = $($file:literal)+;)+) => {
        $(pub(super) static $name: LazyLock<Script> = LazyLock::new(|| Script::new(concat!($(include_str!($file)),+)));)+
    };
}

scripts! {
    CREATE = "lua/begin.lua" "lua/read.lua" "lua/create.lua";
    UPDATE = "lua/begin.lua" "lua/read.lua" "lua/update.lua";
    DELETE = "lua/begin.lua" "lua/read.lua" "lua/delete.lua";
    RESERVE = "lua/begin.lua" "lua/index.lua" "lua/reserve.lua";
    CONFIRM = "lua/begin.lua" "lua/index.lua" "lua/confirm.lua";
    REMOVE = "lua/begin.lua" "lua/index.lua" "lua/remove.lua";
    DOOM = "lua/begin.lua" "lua/index.lua" "lua/doom.lua";
    ENSURE = "lua/begin.lua" "lua/index.lua" "lua/ensure.lua";
}

impl Script {
    fn new(code: &'static str) -> Self {
        Self { code, sha: redis::Script::new(code).get_hash().to_owned() }
    }
}

enum What {
    Script(&'static Script),
    Command(&'static str),
}

/// A script or a command on one Redis key.
pub(super) struct Call<'a> {
    what: What,
    pub(super) key: String,
    arguments: Vec<Cow<'a, str>>,
    /// Whether the call counts only once replicas have it, if `RedisOptions::wait` is set.
    pub(super) durable: bool,
    /// Whether the answer is preceded by the server's time, read just before.
    pub(super) timed: bool,
}

impl<'a> Call<'a> {
    pub(super) fn script(script: &'static Script, key: String, arguments: Vec<Cow<'a, str>>) -> Self {
        Self { what: What::Script(script), key, arguments, durable: false, timed: false }
    }

    pub(super) fn command(name: &'static str, key: String, arguments: Vec<Cow<'a, str>>) -> Self {
        Self { what: What::Command(name), key, arguments, durable: false, timed: false }
    }

    /// Reads the hash at `key`, and the server's time just before, so that no record looks older than it is.
    ///
    /// This is not a script, because reads are most of the traffic and a script costs the server five times as much.
    pub(super) fn load(key: String) -> Self {
        Self { timed: true, ..Self::command("HGETALL", key, Vec::new()) }
    }

    pub(super) fn durable(self, durable: bool) -> Self {
        Self { durable, ..self }
    }

    /// The call by the script's hash, which the server may not know.
    pub(super) fn short(&self) -> Cmd {
        self.command_with(|script| ("EVALSHA", &script.sha))
    }

    /// The call with the whole script.
    pub(super) fn long(&self) -> Cmd {
        self.command_with(|script| ("EVAL", script.code))
    }

    fn command_with(&self, form: impl Fn(&'static Script) -> (&'static str, &'static str)) -> Cmd {
        let mut command = match &self.what {
            What::Script(script) => {
                let (name, script) = form(script);
                let mut command = redis::cmd(name);
                command.arg(script).arg(1);
                command
            }
            What::Command(name) => redis::cmd(name),
        };
        command.arg(&self.key);
        for argument in &self.arguments {
            command.arg(argument.as_bytes());
        }
        command
    }
}
