//! The command line.
//!
//! In: the arguments. Out: [`Arguments`], or a message that names the mistake. Never: opens a store.

use std::path::PathBuf;

use actix_typed_session::{id::PublicId, record::Principal};
use clap::{Args, Parser, Subcommand, value_parser};

/// Administers the sessions of actix-typed-session in a store.
#[derive(Parser)]
#[command(
    version,
    about,
    max_term_width = 100,
    after_help = "Exit codes: 0 done; 1 the store cannot be opened, failed, or is not healthy; 2 the command line is wrong; 3 there is no such session, or none at all for `dry-run`; 4 a release would lose something."
)]
pub(crate) struct Arguments {
    /// The URL of the store, as the application has it: sqlite:PATH, postgres://.., mysql://.., redis://.. One with a password belongs in the
    /// variable, because other users of the machine can see arguments.
    #[arg(long, env = "SESSION_STORE", hide_env_values = true)]
    pub(crate) store: String,
    /// Writes JSON, one object in each line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists live sessions: those of a user, or all.
    List {
        /// The wire key of the principal field and the value: shop.user=7, shop.user=ada, shop.user="7" for a text of digits.
        #[arg(long)]
        user: Option<Principal>,
        /// At most so many.
        #[arg(long, default_value_t = 1000)]
        limit: u64,
    },
    /// Shows one session; with --values, also what it holds.
    Show {
        /// The public id, as logs and lists show it.
        // One in 64 begins with a hyphen.
        #[arg(allow_hyphen_values = true)]
        id: PublicId,
        /// Shows the values of the fields, which may be private.
        #[arg(long)]
        values: bool,
    },
    /// Ends one session, or all sessions of a user.
    Revoke(Revoked),
    /// Counts sessions, users, and which versions of each schema can read what is stored.
    Census {
        /// Counts at most so many sessions, not all.
        #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
        limit: u64,
    },
    /// Tells what a release would make of what is stored, before it is deployed: what it reads, converts, refuses, or does not know. It
    /// writes nothing. Whether each value fits its type, only the application's own census can tell.
    DryRun {
        /// The lock files of all schemas of the release: session-schemas/*.lock.
        #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
        lock: Vec<PathBuf>,
        /// Looks at at most so many sessions, not all.
        #[arg(long, default_value_t = u64::MAX, hide_default_value = true, value_parser = value_parser!(u64).range(1..))]
        limit: u64,
    },
    /// Removes expired records now. Stores do so by themselves while an application runs.
    Sweep,
    /// Asks whether the store answers, within a second.
    Health,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Revoked {
    /// The public id, as logs and lists show it.
    // One in 64 begins with a hyphen.
    #[arg(allow_hyphen_values = true)]
    pub(crate) id: Option<PublicId>,
    /// Ends all sessions of this user, as in `list`.
    #[arg(long)]
    pub(crate) user: Option<Principal>,
}
