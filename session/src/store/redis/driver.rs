//! A step on a key, from the right server.
//!
//! In: a [`Call`]. Out: what the server answered, or a [`Failure`] that says whether it may have been executed. Never: a command
//! sent twice unless a server has refused it.
//!
//! redis-rs has clients for Sentinel and Cluster. They are not used: they send a command again after a lost connection, or cannot
//! follow a redirection; they keep a connection to a server that has stopped answering.

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

/// How long a step is tried again that servers refuse for the moment. Shorter than the deadlines of a request, so that the caller
/// hears "nothing was changed" and not "no answer".
const PATIENCE: Duration = Duration::from_millis(700);
/// How long until the next try; failovers take seconds, and LOADING often less.
const PAUSE: Duration = Duration::from_millis(40);
/// Slots move one at a time; more redirections in a row are servers that disagree.
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

    /// Whether enough replicas have it.
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

/// Where a server sends us.
struct Redirect {
    to: Endpoint,
    /// The key is about to move there: it answers only those who say that they were sent.
    asking: bool,
}

/// What became of one try.
enum Try {
    Answered(Value),
    Failed(Failure),
    /// At once, elsewhere.
    Redirected(Failure, Option<Redirect>),
    /// After a pause.
    Later(Failure),
    /// It is a replica.
    ReadOnly(Failure),
}

impl Driver {
    /// Whether anybody is there who knows us; of a cluster one server is enough.
    pub(super) async fn reach(&self, key: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if self.topology.is_cluster() {
            return Ok(self.topology.server_of(key, &self.links).await.map(|_| ())?);
        }
        let any = Call::command("EXISTS", key.to_owned(), Vec::new());
        self.call(&any).await.map(|_| ()).map_err(Failure::into_source)
    }

    pub(super) async fn call(&self, call: &Call<'_>) -> Result<Value, Failure> {
        let begun = Instant::now();
        let (mut redirect, mut redirections, mut reconnected) = (None, 0, false);
        loop {
            let failure = match self.once(call, redirect.take()).await {
                Try::Answered(value) => return Ok(value),
                Try::Failed(failure) => return Err(failure),
                Try::Redirected(_, to) if redirections < REDIRECTIONS => {
                    redirections += 1;
                    redirect = to;
                    continue;
                }
                // The server behind one name may have been replaced; a second refusal will not be the last.
                Try::ReadOnly(failure) if !self.topology.has_others() => {
                    if reconnected {
                        return Err(failure);
                    }
                    reconnected = true;
                    continue;
                }
                Try::ReadOnly(failure) | Try::Later(failure) | Try::Redirected(failure, _) => failure,
            };
            if begun.elapsed() + PAUSE > PATIENCE {
                return Err(failure);
            }
            sleep(PAUSE).await;
        }
    }

    /// The servers that have the data.
    pub(super) async fn masters(&self) -> Result<Vec<Endpoint>, Failure> {
        self.topology.masters(&self.links).await.map_err(|error| Failure::NotDone(error.into()))
    }

    /// What one server answers to a command that changes nothing.
    pub(super) async fn ask(&self, server: &Endpoint, command: &Cmd) -> Result<Value, Failure> {
        let connection = self.links.to(server, Purpose::Commands).await;
        let connection = connection.map_err(|error| Failure::NotDone(error.into()))?;
        connection.send(command).await.map_err(|fault| match fault {
            Fault::Lost(error) | Fault::Unmet(error) => Failure::Unknown(error.into()),
            Fault::Refused(error) => Failure::NotDone(error.into()),
        })
    }

    async fn once(&self, call: &Call<'_>, redirect: Option<Redirect>) -> Try {
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
            // It was not executed, for lack of the script.
            Err(Fault::Refused(error)) if Refusal::of(&error, &server) == Refusal::NoScript => {
                self.send(&connection, call.long(), call, asking).await
            }
            answer => answer,
        };
        match answer {
            Ok(value) => Try::Answered(value),
            Err(Fault::Lost(error)) => {
                self.topology.suspect();
                Try::Failed(Failure::Unknown(error.into()))
            }
            // Says nothing against the server.
            Err(Fault::Unmet(error)) => Try::Failed(Failure::Unknown(error.into())),
            Err(Fault::Refused(error)) => {
                let refusal = Refusal::of(&error, &server);
                self.refused(call, &connection, refusal, error.into())
            }
        }
    }

    fn not_sent(&self, error: Box<dyn std::error::Error + Send + Sync>) -> Try {
        self.topology.suspect();
        let failure = Failure::NotDone(error);
        if self.topology.has_others() { Try::Later(failure) } else { Try::Failed(failure) }
    }

    fn refused(
        &self,
        call: &Call<'_>,
        connection: &Connection,
        refusal: Refusal,
        source: Box<dyn std::error::Error + Send + Sync>,
    ) -> Try {
        match refusal {
            Refusal::Moved(to) => {
                // Straight there: who has heard of it is for the next command to find out.
                self.topology.moved(&call.key, to.clone());
                Try::Redirected(Failure::NotDone(source), to.map(|to| Redirect { to, asking: false }))
            }
            Refusal::Ask(to) => {
                Try::Redirected(Failure::NotDone(source), to.map(|to| Redirect { to, asking: true }))
            }
            Refusal::ReadOnly => {
                connection.retire();
                self.topology.suspect();
                Try::ReadOnly(Failure::NotDone(source))
            }
            Refusal::Later => {
                self.topology.suspect();
                Try::Later(Failure::NotDone(source))
            }
            Refusal::Full => Try::Failed(Failure::Full(source)),
            Refusal::WrongType => Try::Failed(Failure::WrongType),
            Refusal::NoScript | Refusal::Final => Try::Failed(Failure::NotDone(source)),
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
            // It is done here; that others have it is all that is asked.
            wait.met(next().ok().as_ref()).map_err(Fault::Unmet)?;
        }
        match time {
            Some(time) => Ok(Value::Array(vec![time?, answer])),
            None => Ok(answer),
        }
    }
}
