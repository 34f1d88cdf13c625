//! A proxy between a server and its database that counts what passes.
//!
//! In: the database's port. Out: a port to use instead, the bytes in both directions, and the round trips: how often the server sent
//! something after the database had answered. That is exact as long as there is one request at a time.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    received: AtomicU64,
    round_trips: AtomicU64,
}

/// What has passed until now.
#[derive(Clone, Copy)]
pub(crate) struct Passed {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) round_trips: u64,
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    counts: Arc<Counts>,
}

impl Proxy {
    /// Its threads end with the connections, and with this process.
    pub(crate) fn to(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let own = listener.local_addr()?.port();
        let counts = Arc::new(Counts::default());
        let shared = counts.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // A connection that cannot be made is one that the server sees end.
                let _ = connect(client, port, &shared);
            }
        });
        Ok(Self { port: own, counts })
    }

    pub(crate) fn passed(&self) -> Passed {
        let Counts { sent, received, round_trips } = &*self.counts;
        let read = |count: &AtomicU64| count.load(Ordering::SeqCst);
        Passed { sent: read(sent), received: read(received), round_trips: read(round_trips) }
    }
}

fn connect(client: TcpStream, port: u16, counts: &Arc<Counts>) -> io::Result<()> {
    let database = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    client.set_nodelay(true)?;
    database.set_nodelay(true)?;
    let is_answered = Arc::new(AtomicBool::new(true));
    let (from, to, state, shared) =
        (client.try_clone()?, database.try_clone()?, is_answered.clone(), counts.clone());
    thread::spawn(move || {
        copy(from, to, |bytes| {
            shared.sent.fetch_add(bytes, Ordering::SeqCst);
            if state.swap(false, Ordering::SeqCst) {
                shared.round_trips.fetch_add(1, Ordering::SeqCst);
            }
        });
    });
    let shared = counts.clone();
    thread::spawn(move || {
        copy(database, client, |bytes| {
            shared.received.fetch_add(bytes, Ordering::SeqCst);
            is_answered.store(true, Ordering::SeqCst);
        });
    });
    Ok(())
}

fn copy(mut from: TcpStream, mut to: TcpStream, mut passed: impl FnMut(u64)) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(bytes @ 1..) = from.read(&mut buffer) {
        passed(bytes as u64);
        if to.write_all(&buffer[..bytes]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
