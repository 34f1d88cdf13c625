//! Which server has a Redis key.
//!
//! In: a Redis key. Out: its server: the only one, the one that the Sentinels name, or the master of its slot. Never sends a command
//! about a record.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::select_ok;

use super::{
    cluster::{Slots, slot},
    dial::NoConnection,
    endpoint::Endpoint,
    links::{Links, Purpose},
    resp::Reply,
};

/// How long an answer counts as fresh. While slots move there are many redirections, and one answer serves them all.
const FRESH: Duration = Duration::from_millis(100);

pub(super) struct Topology {
    /// The servers in the URL.
    servers: Vec<Endpoint>,
    kind: Kind,
    /// Whether to ask again before the next command, because the answer may be outdated.
    suspected: AtomicBool,
    /// Held while asking; when the last answer came, and what it was, so that callers that waited for it do not ask again.
    asked: tokio::sync::Mutex<Option<(Instant, Result<(), NoConnection>)>>,
}

pub(super) enum Kind {
    Single,
    Sentinel { service: String, sentinels: Box<Links>, master: Mutex<Option<Endpoint>> },
    Cluster(Slots),
}

impl Topology {
    pub(super) fn new(servers: Vec<Endpoint>, kind: Kind) -> Self {
        Self { servers, kind, suspected: AtomicBool::new(false), asked: tokio::sync::Mutex::default() }
    }

    /// Whether another server may have what this one does not.
    pub(super) const fn has_others(&self) -> bool {
        !matches!(self.kind, Kind::Single)
    }

    pub(super) const fn is_cluster(&self) -> bool {
        matches!(self.kind, Kind::Cluster(_))
    }

    /// Notes that a server did not answer, or said that it is the wrong one.
    pub(super) fn suspect(&self) {
        self.suspected.store(true, Ordering::SeqCst);
    }

    /// Notes that a server of the cluster said where the slot of `key` is.
    pub(super) fn moved(&self, key: &str, to: Option<Endpoint>) {
        if let (Kind::Cluster(slots), Some(to)) = (&self.kind, to) {
            slots.moved(slot(key), to);
        }
        // Other slots have probably moved too.
        self.suspect();
    }

    /// The server that has `key`, as far as known.
    pub(super) async fn server_of(&self, key: &str, links: &Links) -> Result<Endpoint, NoConnection> {
        let first = self.servers.first().ok_or_else(no_servers)?;
        if matches!(self.kind, Kind::Single) {
            return Ok(first.clone());
        }
        if !self.suspected.load(Ordering::SeqCst)
            && let Some(known) = self.known(key)
        {
            return Ok(known);
        }
        if let Err(error) = self.ask(links).await {
            // Nothing newer can be learned now, and the server known so far may be fine.
            return self.known(key).ok_or(error);
        }
        // No server of the cluster has this slot. Any of them can say so.
        Ok(self.known(key).unwrap_or_else(|| first.clone()))
    }

    /// Every server that holds records.
    pub(super) async fn masters(&self, links: &Links) -> Result<Vec<Endpoint>, NoConnection> {
        let one = self.server_of("", links).await?;
        Ok(match &self.kind {
            Kind::Cluster(slots) => slots.masters().into_iter().collect(),
            Kind::Single | Kind::Sentinel { .. } => vec![one],
        })
    }

    fn known(&self, key: &str) -> Option<Endpoint> {
        match &self.kind {
            Kind::Single => None,
            Kind::Sentinel { master, .. } => master.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Kind::Cluster(slots) => slots.master(slot(key)),
        }
    }

    async fn ask(&self, links: &Links) -> Result<(), NoConnection> {
        let since = Instant::now();
        let mut asked = self.asked.lock().await;
        if let Some((at, answer)) = asked.as_ref()
            && (*at >= since || (answer.is_ok() && at.elapsed() < FRESH))
        {
            return answer.clone();
        }
        let answer = self.ask_now(links).await;
        if answer.is_ok() {
            self.suspected.store(false, Ordering::SeqCst);
        }
        *asked = Some((Instant::now(), answer.clone()));
        answer
    }

    async fn ask_now(&self, links: &Links) -> Result<(), NoConnection> {
        match &self.kind {
            Kind::Single => {}
            Kind::Sentinel { service, sentinels, master } => {
                let command = ["SENTINEL", "get-master-addr-by-name", service];
                let named =
                    first_answer(sentinels, self.servers.clone(), &command, |answer, _| named(answer))
                        .await?;
                *master.lock().unwrap_or_else(PoisonError::into_inner) = Some(named);
            }
            Kind::Cluster(slots) => {
                let mut servers = slots.masters();
                servers.extend(self.servers.iter().cloned());
                let learn = |answer: &Reply, from: &Endpoint| slots.learn(answer, from).then_some(());
                first_answer(links, servers.into_iter().collect(), &["CLUSTER", "SLOTS"], learn).await?;
            }
        }
        Ok(())
    }
}

fn no_servers() -> NoConnection {
    let none = Endpoint::tcp("", 0);
    NoConnection::new(&none, "no servers")
}

/// Asks all servers at once, and returns the first answer that `read` understands.
async fn first_answer<T>(
    links: &Links,
    servers: Vec<Endpoint>,
    command: &[&str],
    read: impl Fn(&Reply, &Endpoint) -> Option<T>,
) -> Result<T, NoConnection> {
    let read = &read;
    let asking = servers.into_iter().map(|server| {
        Box::pin(async move {
            let connection = links.to(&server, Purpose::Commands).await?;
            let answer = connection.ask(command).await.map_err(|fault| NoConnection::new(&server, fault))?;
            read(&answer, &server).ok_or_else(|| {
                NoConnection::new(&server, "the server does not know which server has the data")
            })
        })
    });
    let asking: Vec<_> = asking.collect();
    if asking.is_empty() {
        return Err(no_servers());
    }
    select_ok(asking).await.map(|(answer, _)| answer)
}

/// Parses the answer of a Sentinel: the name and the port of the master.
fn named(answer: &Reply) -> Option<Endpoint> {
    let Reply::Array(parts) = answer else { return None };
    let [Reply::BulkString(host), Reply::BulkString(port)] = parts.as_slice() else { return None };
    let text = |bytes| std::str::from_utf8(bytes).ok();
    Some(Endpoint::tcp(text(host)?, text(port)?.parse().ok()?))
}
