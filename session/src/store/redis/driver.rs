//! Sending a call to the right server.
//!
//! In: a [`Call`]. Out: the server's answer, or a [`Failure`] that says whether the call may have been executed. Never sends a call
//! twice unless a server has refused it (G2: a resend that meets its own first copy would apply a change twice).

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{
    connection::{Connection, Fault},
    endpoint::Endpoint,
    failure::{Failure, Refusal},
    links::{Links, Purpose},
    resp::{Commands, Reply},
    script::{Call, Form},
    topology::Topology,
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
    fn add_to(self, commands: &mut Commands) {
        // 0 would wait for ever.
        let millis = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX).max(1);
        commands.add(&["WAIT", &self.replicas.to_string(), &millis.to_string()], &[]);
    }

    /// Whether the answer to WAIT says that enough replicas have the write.
    fn is_met(self, answer: &Result<Reply, Fault>) -> bool {
        matches!(answer, Ok(Reply::Integer(replicas)) if *replicas >= i64::from(self.replicas))
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
    Answered(Reply),
    Failed(Failure),
    /// Refused; try at once, at the other server if the reply named one.
    Redirected(Failure, Option<Redirect>),
    /// Refused for the moment; try after a pause.
    Later(Failure),
    /// Refused by a replica.
    ReadOnly(Failure),
}

impl Driver {
    pub(super) async fn call(&self, call: &Call<'_>) -> Result<Reply, Failure> {
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

    /// The server that has `key`, as far as known.
    pub(super) async fn server_of(&self, key: &str) -> Result<Endpoint, Failure> {
        let server = self.topology.server_of(key, &self.links).await;
        server.map_err(|error| Failure::NotDone(error.into()))
    }

    /// Every server that holds records.
    pub(super) async fn masters(&self) -> Result<Vec<Endpoint>, Failure> {
        self.topology.masters(&self.links).await.map_err(|error| Failure::NotDone(error.into()))
    }

    /// Sends a command that changes nothing to one server.
    pub(super) async fn ask(&self, server: &Endpoint, command: &[&str]) -> Result<Reply, Failure> {
        let connection = self.links.to(server, Purpose::Commands).await;
        let connection = connection.map_err(|error| Failure::NotDone(error.into()))?;
        connection.ask(command).await.map_err(|fault| match fault {
            Fault::Lost(_) | Fault::Unmet => Failure::Unknown(fault.into()),
            Fault::NotSent(_) | Fault::Refused(_) => Failure::NotDone(fault.into()),
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
        let first = self.send(&connection, call, Form::Short, asking).await;
        let answer = match first {
            // The server does not know the script, so it executed nothing.
            Err(Fault::Refused(error)) if Refusal::of(&error, &server) == Refusal::NoScript => {
                self.send(&connection, call, Form::Long, asking).await
            }
            answer => answer,
        };
        match answer {
            Ok(answer) => Attempt::Answered(answer),
            Err(fault @ Fault::NotSent(_)) => self.not_sent(fault.into()),
            Err(fault @ Fault::Lost(_)) => {
                self.topology.suspect();
                Attempt::Failed(Failure::Unknown(fault.into()))
            }
            // There is nothing wrong with the server.
            Err(fault @ Fault::Unmet) => Attempt::Failed(Failure::Unknown(fault.into())),
            Err(Fault::Refused(error)) => {
                let refusal = Refusal::of(&error, &server);
                self.refused(call, (&server, &connection), refusal, error.into())
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
        (server, connection): (&Endpoint, &Connection),
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
                self.links.another_began(server, connection.opened());
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
        call: &Call<'_>,
        form: Form,
        asking: bool,
    ) -> Result<Reply, Fault> {
        let wait = self.wait.filter(|_| call.durable);
        let mut commands = Commands::default();
        if call.timed {
            commands.add(&["TIME"], &[]);
        }
        if asking {
            commands.add(&["ASKING"], &[]);
        }
        call.add_to(&mut commands, form);
        if let Some(wait) = wait {
            wait.add_to(&mut commands);
        }
        let mut answers = connection.send(commands).await?.into_iter();
        let mut next = || match answers.next().unwrap_or(Reply::Null) {
            Reply::Error(error) => Err(Fault::Refused(error)),
            answer => Ok(answer),
        };
        let time = call.timed.then(&mut next);
        if asking {
            next()?;
        }
        let answer = next()?;
        // The command has been executed; the only question left is whether enough replicas have it.
        if wait.is_some_and(|wait| !wait.is_met(&next())) {
            return Err(Fault::Unmet);
        }
        match time {
            Some(time) => Ok(Reply::Array(vec![time?, answer])),
            None => Ok(answer),
        }
    }
}
