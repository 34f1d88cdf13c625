//! One connection through the proxy.
//!
//! In: a client, and the plan. Out: its commands to the server and the replies to it, with the planned faults. Never forwards part of a command or
//! a reply, unless a mode says so.

use std::{collections::VecDeque, future::pending, io};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    time::sleep,
};

use super::{
    wire::{Reply, piece},
    *,
};

/// Accepts connections until the test drops the proxy; they end with the runtime.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, mut ended: watch::Receiver<()>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = ended.changed() => return,
        };
        let Ok((client, _)) = accepted else { continue };
        let (connection, upstream, refusing) = {
            let mut plan = shared.plan.lock().unwrap();
            plan.connections += 1;
            (plan.connections - 1, plan.upstream, plan.refusing)
        };
        if !refusing {
            let resets = shared.resets.subscribe();
            tokio::spawn(relay(client, connection, upstream, shared.clone(), resets));
        }
    }
}

/// A command that was forwarded and has not been answered.
struct Open {
    number: usize,
    mode: Mode,
    reply: Reply,
}

async fn relay(
    mut client: TcpStream,
    connection: usize,
    upstream: u16,
    shared: Arc<Shared>,
    mut resets: watch::Receiver<u64>,
) -> io::Result<()> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let requests = shared.requests();
    let unasked = requests.unasked();
    let open = Mutex::new(VecDeque::new());
    let reset = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            _ = forward(from_client, to_server, requests, connection, &shared, &open) => false,
            _ = backward(from_server, to_client, unasked, &shared, &open) => false,
            _ = resets.changed() => true,
        }
    };
    if reset {
        client.set_zero_linger()?;
        server.set_zero_linger()?;
    }
    Ok(())
}

/// Ends when the client has left, or when the connection is to be cut.
async fn forward(
    mut client: ReadHalf<'_>,
    mut server: WriteHalf<'_>,
    mut requests: Requests,
    connection: usize,
    shared: &Shared,
    open: &Mutex<VecDeque<Open>>,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    while client.read_buf(&mut buffer).await? > 0 {
        while let Some(request) = requests.next(&mut buffer) {
            if request.reply == Reply::None {
                server.write_all(&request.bytes).await?;
                continue;
            }
            let command = Command {
                connection,
                name: request.name,
                bytes: request.bytes.len(),
                reply_bytes: 0,
                begins: open.lock().unwrap().is_empty(),
            };
            let (number, mode) = shared.plan.lock().unwrap().decide(command);
            match mode {
                Mode::BlackHole => return discard(client).await,
                Mode::CutBeforeForward => return Ok(()),
                Mode::Delay(by) => sleep(by).await,
                _ => {}
            }
            open.lock().unwrap().push_back(Open { number, mode, reply: request.reply });
            server.write_all(&request.bytes).await?;
        }
    }
    Ok(())
}

/// Reads from the client until it leaves.
async fn discard(mut from: ReadHalf<'_>) -> io::Result<()> {
    let mut buffer = Vec::new();
    while from.read_buf(&mut buffer).await? > 0 {
        buffer.clear();
    }
    Ok(())
}

/// Ends when the server has left, or when the connection is to be cut.
async fn backward(
    mut server: ReadHalf<'_>,
    mut client: WriteHalf<'_>,
    unasked: Reply,
    shared: &Shared,
    open: &Mutex<VecDeque<Open>>,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    // The part of a reply that is not forwarded as it comes.
    let mut held = Vec::new();
    while server.read_buf(&mut buffer).await? > 0 {
        loop {
            let front = open.lock().unwrap().front().map(|open| (open.number, open.mode.clone(), open.reply));
            let (number, mode, reply) = match front {
                Some((number, mode, reply)) => (Some(number), mode, reply),
                None => (None, Mode::Pass, unasked),
            };
            let Some((length, ends)) = piece(reply, &buffer) else { break };
            if let Some(number) = number {
                shared.plan.lock().unwrap().note_reply(number, length);
                if ends {
                    // Before the client hears of it, so that its next command does not find this connection open.
                    open.lock().unwrap().pop_front();
                }
            }
            held.extend(buffer.drain(..length));
            if matches!(mode, Mode::Pass | Mode::Delay(_)) {
                client.write_all(&held).await?;
                held.clear();
            } else if ends {
                match mode {
                    Mode::SlowDrip(pause) => {
                        for byte in held.drain(..) {
                            client.write_all(&[byte]).await?;
                            sleep(pause).await;
                        }
                    }
                    Mode::Garbage(bytes) => client.write_all(&bytes).await?,
                    Mode::Truncate(length) => return client.write_all(&held[..length.min(held.len())]).await,
                    Mode::SwallowReply => pending().await,
                    _ => return Ok(()), // cut
                }
                held.clear();
            }
        }
    }
    Ok(())
}
