//! Which server of a cluster has which slot.
//!
//! In: a Redis key, the answers to CLUSTER SLOTS, and redirections. Out: the master that has the slot of the Redis key, if known.
//! Never: I/O.

use std::{
    collections::HashSet,
    sync::{PoisonError, RwLock},
};

use super::{endpoint::Endpoint, resp::Reply};

const SLOTS: u16 = 16384;

/// The slot of a Redis key: CRC-16/XMODEM modulo 16384. The Redis keys of this store have no hash tags.
pub(super) fn slot(key: &str) -> u16 {
    let crc = key.bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    });
    crc % SLOTS
}

/// The master of each slot.
pub(super) struct Slots(RwLock<Vec<Option<Endpoint>>>);

impl Slots {
    pub(super) fn unknown() -> Self {
        Self(RwLock::new(vec![None; SLOTS.into()]))
    }

    pub(super) fn master(&self, slot: u16) -> Option<Endpoint> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(usize::from(slot)).cloned().flatten()
    }

    /// A redirection said that `slot` is at `to`.
    pub(super) fn moved(&self, slot: u16, to: Endpoint) {
        let mut slots = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(master) = slots.get_mut(usize::from(slot)) {
            *master = Some(to);
        }
    }

    pub(super) fn masters(&self) -> HashSet<Endpoint> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).iter().flatten().cloned().collect()
    }

    /// Takes over the answer of `from` to CLUSTER SLOTS; `false` if it names no server.
    pub(super) fn learn(&self, answer: &Reply, from: &Endpoint) -> bool {
        let Reply::Array(ranges) = answer else { return false };
        let mut learnt = vec![None; SLOTS.into()];
        for (first, last, master) in ranges.iter().filter_map(|range| parse(range, from)) {
            for slot in learnt.iter_mut().take(usize::from(last) + 1).skip(first.into()) {
                *slot = Some(master.clone());
            }
        }
        let any = learnt.iter().any(Option::is_some);
        if any {
            *self.0.write().unwrap_or_else(PoisonError::into_inner) = learnt;
        }
        any
    }
}

/// Parses a range: the first slot, the last slot, and the master, which comes before its replicas.
fn parse(range: &Reply, from: &Endpoint) -> Option<(u16, u16, Endpoint)> {
    let Reply::Array(parts) = range else { return None };
    let [Reply::Integer(first), Reply::Integer(last), Reply::Array(master), ..] = parts.as_slice() else {
        return None;
    };
    let [host, Reply::Integer(port), ..] = master.as_slice() else { return None };
    let port = u16::try_from(*port).ok()?;
    let endpoint = match host {
        Reply::BulkString(name) if !name.is_empty() => Endpoint::tcp(std::str::from_utf8(name).ok()?, port),
        // The server does not know its own name, which is the name that was asked.
        _ => from.beside(port)?,
    };
    Some((u16::try_from(*first).ok()?, u16::try_from(*last).ok()?, endpoint))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(slot("123456789"), 0x31c3);
        assert_eq!(slot("foo"), 12182);
        assert_eq!(slot(""), 0);
    }

    #[test]
    fn an_answer_is_taken_over_and_a_redirection_corrects_it() {
        let (slots, from) = (Slots::unknown(), Endpoint::tcp("a", 7));
        let master = |host: &str, port| {
            Reply::Array(vec![
                Reply::BulkString(Bytes::copy_from_slice(host.as_bytes())),
                Reply::Integer(port),
            ])
        };
        let range =
            |first, last, master| Reply::Array(vec![Reply::Integer(first), Reply::Integer(last), master]);
        assert!(!slots.learn(&Reply::Array(Vec::new()), &from));
        assert!(!slots.learn(&Reply::SimpleString("OK".into()), &from));
        let answer = Reply::Array(vec![range(0, 99, master("", 7)), range(100, 16383, master("b", 8))]);
        assert!(slots.learn(&answer, &from));
        let (a, b) = (from.clone(), Endpoint::tcp("b", 8));
        assert_eq!(
            [0, 99, 100, 16383].map(|slot| slots.master(slot)),
            [&a, &a, &b, &b].map(|e| Some(e.clone()))
        );
        assert!(!slots.learn(&Reply::Null, &a));
        slots.moved(5, b.clone());
        assert_eq!((slots.master(5), slots.master(6)), (Some(b), Some(a)));
        assert_eq!(slots.masters().len(), 2);
    }
}
