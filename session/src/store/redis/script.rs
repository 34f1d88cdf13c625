//! The scripts, and calls on one Redis key.
//!
//! In: a script or a command, a Redis key, and arguments. Out: the bytes to send. Never: I/O.
//!
//! Every atomic change is one script on one Redis key, so in a cluster it concerns one slot.

use std::{borrow::Cow, sync::LazyLock};

use sha1::{Digest, Sha1};

use super::resp::Commands;

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
    CREATE = "lua/begin.lua" "lua/plus.lua" "lua/create.lua";
    UPDATE = "lua/begin.lua" "lua/usual.lua" "lua/plus.lua" "lua/read.lua" "lua/update.lua";
    DELETE = "lua/begin.lua" "lua/plus.lua" "lua/read.lua" "lua/delete.lua";
    RESERVE = "lua/begin.lua" "lua/index.lua" "lua/reserve.lua";
    CONFIRM = "lua/begin.lua" "lua/index.lua" "lua/confirm.lua";
    REMOVE = "lua/begin.lua" "lua/index.lua" "lua/remove.lua";
    DOOM_THESE = "lua/begin.lua" "lua/index.lua" "lua/doom_these.lua";
    DOOM = "lua/begin.lua" "lua/index.lua" "lua/doom.lua";
    RIGHTS = "lua/rights.lua";
    ENSURE = "lua/begin.lua" "lua/index.lua" "lua/ensure.lua";
}

impl Script {
    fn new(code: &'static str) -> Self {
        Self {
            code,
            sha: Sha1::digest(code).iter().fold(String::new(), |sha, byte| sha + &format!("{byte:02x}")),
        }
    }
}

/// How a call names its script.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// By its hash, which the server may not know.
    Short,
    /// By its code.
    Long,
}

enum What {
    Script(&'static Script),
    /// A script that is sent in full, whether the server knows it or not.
    InFull(&'static Script),
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

    /// The same for a script that is sent in full.
    pub(super) fn in_full(script: &'static Script, key: String, arguments: Vec<Cow<'a, str>>) -> Self {
        Self { what: What::InFull(script), ..Self::script(script, key, arguments) }
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

    /// Adds the call to what is sent.
    pub(super) fn add_to(&self, commands: &mut Commands, form: Form) {
        match (&self.what, form) {
            (What::Command(name), _) => commands.add(&[name, &self.key], &self.arguments),
            (What::Script(script), Form::Short) => {
                commands.add(&["EVALSHA", &script.sha, "1", &self.key], &self.arguments);
            }
            (What::Script(script), Form::Long) | (What::InFull(script), _) => {
                commands.add(&["EVAL", script.code, "1", &self.key], &self.arguments);
            }
        }
    }
}
