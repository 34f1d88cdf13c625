//! Sending a call to the right server.
//!
//! In: a [`Call`]. Out: the server's answer, or a [`Failure`] that says whether the call may have been executed. Never sends a call
//! twice unless a server has refused it (G2: a resend that meets its own first copy would apply a change twice).
//!
//! redis-rs has clients for Sentinel and Cluster. They are not used, because they either send a command again after a lost connection
//! or cannot follow a redirection, and because they keep a connection to a server that no longer answers.

use std::{
    io::{Error as IoError, ErrorKind as IoErrorKind},
    time::{Duration, Instant},
};

use redis::{Cmd, RedisError, Value};
use tokio::time::sleep;

use super::{
    connection::{Connection, Fault},
    failure::{Failure, Refusal},
    links::{Links, Purpose},
    script::Call,
    topology::Topology,
    url::Endpoint,
};

/// How long a call is repeated while servers refuse it for the moment. Shorter than the deadlines of a request, so that the result is
/// "unavailable, nothing was changed" and not "outcome unknown".
const PATIENCE: Duration = Duration::from_millis(700);
/// The pause before the next attempt. A failover takes seconds, LOADING often less.
const PAUSE: Duration = Duration::from_millis(40);
/// Slots move one at a time, so more redirections in a row mean that the servers disagree.
const REDIRECTIONS: u32 = 5;

/// How many replicas must have a write before it counts; see `RedisOptions::wait`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wait {
    pub(super) replicas: u32,
    pub(super) timeout: Duration,
}

impl Wait {
    fn command(self) -> Cmd {
        let mut command = redis::cmd("WAIT");
        // 0 would wait for ever.
        command.arg(self.replicas).arg(u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX).max(1));
        command
    }

    /// Checks the answer to WAIT.
    fn met(self, answer: Option<&Value>) -> Result<(), RedisError> {
        match answer {
            Some(Value::Int(replicas)) if *replicas >= i64::from(self.replicas) => Ok(()),
            _ => Err(IoError::new(IoErrorKind::TimedOut, "too few replicas have the write").into()),
        }
    }
}

pub(super) struct Driver {
    pub(super) links: Links,
    pub(super) topology: Topology,
    pub(super) wait: Option<Wait>,
}

/// Where a server says that a Redis key is.
struct Redirect {
    to: Endpoint,
    /// The slot is still moving there, so the server answers only after ASKING.
    asking: bool,
}

/// The result of one attempt.
enum Attempt {
    Answered(Value),
    Failed(Failure),
    /// Refused; try at once, at the other server if the reply named one.
    Redirected(Failure, Option<Redirect>),
    /// Refused for the moment; try after a pause.
    Later(Failure),
    /// Refused by a replica.
    ReadOnly(Failure),
}

impl Driver {
    /// Checks that a server answers and accepts the credentials. In a cluster, one server is enough.
    pub(super) async fn reach(&self, prefix: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if self.topology.is_cluster() {
            return Ok(self.topology.server_of(prefix, &self.links).await.map(|_| ())?);
        }
        let any = Call::command("EXISTS", prefix.to_owned(), Vec::new());
        self.call(&any).await.map(|_| ()).map_err(Failure::into_source)
    }

    pub(super) async fn call(&self, call: &Call<'_>) -> Result<Value, Failure> {
        let begun = Instant::now();
        let (mut redirect, mut redirections, mut reconnected) = (None, 0, false);
        loop {
            let failure = match self.attempt(call, redirect.take()).await {
                Attempt::Answered(value) => return Ok(value),
                Attempt::Failed(failure) => return Err(failure),
                Attempt::Redirected(_, to) if redirections < REDIRECTIONS => {
                    redirections += 1;
                    redirect = to;
                    continue;
                }
                // The server behind the name may have been replaced, so connect once more. A second refusal is final.
                Attempt::ReadOnly(failure) if !self.topology.has_others() => {
                    if reconnected {
                        return Err(failure);
                    }
                    reconnected = true;
                    continue;
                }
                Attempt::ReadOnly(failure) | Attempt::Later(failure) | Attempt::Redirected(failure, _) => {
                    failure
                }
            };
            if begun.elapsed() + PAUSE > PATIENCE {
                return Err(failure);
            }
            sleep(PAUSE).await;
        }
    }

    /// Every server that holds records.
    pub(super) async fn masters(&self) -> Result<Vec<Endpoint>, Failure> {
        self.topology.masters(&self.links).await.map_err(|error| Failure::NotDone(error.into()))
    }

    /// Sends a command that changes nothing to one server.
    pub(super) async fn ask(&self, server: &Endpoint, command: &Cmd) -> Result<Value, Failure> {
        let connection = self.links.to(server, Purpose::Commands).await;
        let connection = connection.map_err(|error| Failure::NotDone(error.into()))?;
        connection.send(command).await.map_err(|fault| match fault {
            Fault::Lost(error) | Fault::Unmet(error) => Failure::Unknown(error.into()),
            Fault::Refused(error) => Failure::NotDone(error.into()),
        })
    }

    async fn attempt(&self, call: &Call<'_>, redirect: Option<Redirect>) -> Attempt {
        let asking = redirect.as_ref().is_some_and(|redirect| redirect.asking);
        let server = match redirect {
            Some(redirect) => Ok(redirect.to),
            None => self.topology.server_of(&call.key, &self.links).await,
        };
        let purpose = if self.waits(call) { Purpose::Waiting } else { Purpose::Commands };
        let connection = match &server {
            Ok(server) => self.links.to(server, purpose).await,
            Err(error) => Err(error.clone()),
        };
        let (server, connection) = match (server, connection) {
            (Ok(server), Ok(connection)) => (server, connection),
            (_, Err(error)) | (Err(error), _) => return self.not_sent(error.into()),
        };
        let first = self.send(&connection, call.short(), call, asking).await;
        let answer = match first {
            // The server does not know the script, so it executed nothing.
            Err(Fault::Refused(error)) if Refusal::of(&error, &server) == Refusal::NoScript => {
                self.send(&connection, call.long(), call, asking).await
            }
            answer => answer,
        };
        match answer {
            Ok(value) => Attempt::Answered(value),
            Err(Fault::Lost(error)) => {
                self.topology.suspect();
                Attempt::Failed(Failure::Unknown(error.into()))
            }
            // Too few replicas; there is nothing wrong with the server.
            Err(Fault::Unmet(error)) => Attempt::Failed(Failure::Unknown(error.into())),
            Err(Fault::Refused(error)) => {
                let refusal = Refusal::of(&error, &server);
                self.refused(call, &connection, refusal, error.into())
            }
        }
    }

    fn not_sent(&self, error: Box<dyn std::error::Error + Send + Sync>) -> Attempt {
        self.topology.suspect();
        let failure = Failure::NotDone(error);
        if self.topology.has_others() { Attempt::Later(failure) } else { Attempt::Failed(failure) }
    }

    fn refused(
        &self,
        call: &Call<'_>,
        connection: &Connection,
        refusal: Refusal,
        source: Box<dyn std::error::Error + Send + Sync>,
    ) -> Attempt {
        match refusal {
            Refusal::Moved(to) => {
                // Go straight to the server that was named; the next call asks all of them again.
                self.topology.moved(&call.key, to.clone());
                Attempt::Redirected(Failure::NotDone(source), to.map(|to| Redirect { to, asking: false }))
            }
            Refusal::Ask(to) => {
                Attempt::Redirected(Failure::NotDone(source), to.map(|to| Redirect { to, asking: true }))
            }
            Refusal::ReadOnly => {
                connection.retire();
                self.topology.suspect();
                Attempt::ReadOnly(Failure::NotDone(source))
            }
            Refusal::Later => {
                self.topology.suspect();
                Attempt::Later(Failure::NotDone(source))
            }
            Refusal::Full => Attempt::Failed(Failure::Full(source)),
            Refusal::WrongType => Attempt::Failed(Failure::WrongType),
            Refusal::NoScript | Refusal::Final => Attempt::Failed(Failure::NotDone(source)),
        }
    }

    const fn waits(&self, call: &Call<'_>) -> bool {
        call.durable && self.wait.is_some()
    }

    async fn send(
        &self,
        connection: &Connection,
        command: Cmd,
        call: &Call<'_>,
        asking: bool,
    ) -> Result<Value, Fault> {
        let wait = self.wait.filter(|_| call.durable);
        if !asking && !call.timed && wait.is_none() {
            return connection.send(&command).await;
        }
        let mut commands = redis::pipe();
        if call.timed {
            commands.cmd("TIME");
        }
        if asking {
            commands.cmd("ASKING");
        }
        commands.add_command(command);
        if let Some(wait) = wait {
            commands.add_command(wait.command());
        }
        let mut answers = connection.send_all(&commands).await?.into_iter();
        let mut next = || match answers.next().unwrap_or_default() {
            Value::ServerError(error) => Err(Fault::Refused(error)),
            answer => Ok(answer),
        };
        let time = call.timed.then(&mut next);
        if asking {
            next()?;
        }
        let answer = next()?;
        if let Some(wait) = wait {
            // The command has been executed; the only question left is whether enough replicas have it.
            wait.met(next().ok().as_ref()).map_err(Fault::Unmet)?;
        }
        match time {
            Some(time) => Ok(Value::Array(vec![time?, answer])),
            None => Ok(answer),
        }
    }
}
