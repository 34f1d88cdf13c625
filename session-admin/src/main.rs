//! Administers the sessions in a store from the command line.
//!
//! ```text
//! $ session-admin --store sqlite:shop.db list --user shop.customer=Ada
//! $ session-admin --store sqlite:shop.db revoke W3nJ6bQ1m0yq3v1mZ2hV9A
//! ```
//!
//! Exit codes: 0 done; 1 the store cannot be opened, failed, or is not healthy; 2 the command line is wrong; 3 there is no such session, or none at
//! all for `dry-run`; 4 a release would lose something.

mod arguments;
mod lock;
mod dry_run;
mod output;
mod commands;

use std::{io, path::Path, process::ExitCode};

use actix_typed_session::store::{self, OpenError, StoreError};
use clap::Parser;

use self::{
    arguments::Arguments,
    output::{Output, tell},
};

/// Why a command did not do what it was asked.
enum Failure {
    Connect(OpenError),
    Store(StoreError),
    /// The output cannot be written.
    Output(io::Error),
    /// There is no such session.
    NotFound(String),
    /// The command line names a store that holds nothing yet, or a file that is no lock file.
    Arguments(String),
    /// A release would lose something that is stored.
    Loses(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::Connect(error)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.to_string(), 1),
    };
    match runtime.block_on(run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has seen enough, as `head` has.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Output(error)) => failed(&error.to_string(), 1),
        Err(Failure::Connect(error)) => failed(&error.to_string(), 1),
        Err(Failure::Store(error)) => failed(&error.to_string(), 1),
        Err(Failure::NotFound(what)) => failed(&what, 3),
        Err(Failure::Arguments(why)) => failed(&why, 2),
        Err(Failure::Loses(what)) => failed(&what, 4),
    }
}

fn failed(why: &str, code: u8) -> ExitCode {
    tell(why);
    ExitCode::from(code)
}

/// Refuses what opening would make anew, so that a misspelt path does not look like a store without sessions. It reads a URL as
/// `store::open` does.
fn check(url: &str) -> Result<(), Failure> {
    let Some((scheme, path)) = url.split_once(':') else { return Ok(()) };
    let path = path.strip_prefix("//").unwrap_or(path);
    match &*scheme.to_ascii_lowercase() {
        "memory" => {
            Err(Failure::Arguments("a store in memory belongs to the application that made it".to_owned()))
        }
        "sqlite" if !Path::new(path).exists() => {
            Err(Failure::Arguments(format!("there is no file {path}; is the path right?")))
        }
        _ => Ok(()),
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    check(&arguments.store)?;
    let store = store::open(&arguments.store).await?;
    let mut output = Output::new(arguments.json);
    commands::run(&store, arguments.command, &mut output).await
}
