//! Tests of each mode of the proxy, against a server whose every byte is known.

mod real;

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener as Listener, TcpStream as Stream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::servers::proxy::*;

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
const SHORT: Duration = Duration::from_millis(100);

/// A server that answers its first command with `:1`, its second with `:2` and so on, whatever the commands and connections are.
struct Counter {
    port: u16,
    done: Arc<AtomicUsize>,
}

impl Counter {
    fn start() -> Self {
        let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let done = Arc::new(AtomicUsize::new(0));
        let counter = Self { port, done: done.clone() };
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, done) = (stream.unwrap(), done.clone());
                thread::spawn(move || {
                    let mut command = vec![0; PING.len()];
                    while stream.read_exact(&mut command).is_ok() {
                        let reply = format!(":{}\r\n", done.fetch_add(1, Ordering::SeqCst) + 1);
                        stream.write_all(reply.as_bytes()).unwrap();
                    }
                });
            }
        });
        counter
    }

    fn done(&self) -> usize {
        self.done.load(Ordering::SeqCst)
    }

    fn until_done(&self, commands: usize) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.done() != commands {
            assert!(Instant::now() < deadline, "{} done, not {commands}", self.done());
            thread::yield_now();
        }
    }
}

fn client(proxy: &Proxy) -> Stream {
    let stream = Stream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

fn ask(stream: &mut Stream) -> String {
    stream.write_all(PING).unwrap();
    read(stream, 4)
}

fn read(stream: &mut Stream, length: usize) -> String {
    let mut reply = vec![0; length];
    stream.read_exact(&mut reply).unwrap();
    String::from_utf8(reply).unwrap()
}

/// Reads until the other side ends the connection.
fn rest(stream: &mut Stream) -> String {
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    rest
}

fn is_silent(stream: &mut Stream) -> bool {
    stream.set_read_timeout(Some(SHORT)).unwrap();
    let read = stream.read(&mut [0]);
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn commands_are_counted_and_pass() {
    let counter = Counter::start();
    let proxy = Proxy::redis(counter.port);
    let (mut one, mut other) = (client(&proxy), client(&proxy));
    assert_eq!(ask(&mut one), ":1\r\n");
    one.write_all(&PING.repeat(3)).unwrap();
    assert_eq!(read(&mut one, 12), ":2\r\n:3\r\n:4\r\n");
    // A packet border within a command does not split the command.
    for byte in PING {
        other.write_all(&[*byte]).unwrap();
    }
    assert_eq!(read(&mut other, 4), ":5\r\n");

    let commands = proxy.commands();
    let seen: Vec<_> =
        commands.iter().map(|c| (c.connection, c.name.as_str(), c.bytes, c.reply_bytes)).collect();
    let [of_one, of_other] = [(0, "PING", PING.len(), 4), (1, "PING", PING.len(), 4)];
    assert_eq!(seen, [of_one, of_one, of_one, of_one, of_other]);
    assert_eq!((proxy.round_trips(), proxy.connections()), (3, 2));

    // The reply to a command before the reset of the counts is not counted for a later command.
    proxy.on_command(0, |_| true, Mode::SwallowReply);
    one.write_all(PING).unwrap();
    counter.until_done(6);
    proxy.reset_counts();
    assert_eq!(ask(&mut other), ":7\r\n");
    assert_eq!(proxy.commands().iter().map(|c| c.reply_bytes).collect::<Vec<_>>(), [4]);
}

#[test]
fn a_delayed_command_arrives_late() {
    let counter = Counter::start();
    let proxy = Proxy::redis(counter.port);
    let mut client = client(&proxy);
    proxy.set(Mode::Delay(SHORT));
    let begun = Instant::now();
    assert_eq!(ask(&mut client), ":1\r\n");
    assert!(begun.elapsed() >= SHORT);
    proxy.heal();
    assert_eq!(ask(&mut client), ":2\r\n");
}

#[test]
fn a_black_hole_takes_commands_and_gives_nothing_back() {
    let counter = Counter::start();
    let proxy = Proxy::redis(counter.port);
    let mut stream = client(&proxy);
    assert_eq!(ask(&mut stream), ":1\r\n");
    proxy.set(Mode::BlackHole);
    stream.write_all(PING).unwrap();
    assert!(is_silent(&mut stream));
    // A swallowed command cannot be answered, so its connection stays silent. A new connection works.
    proxy.heal();
    stream.write_all(PING).unwrap();
    assert!(is_silent(&mut stream));
    assert_eq!(ask(&mut client(&proxy)), ":2\r\n");
}

#[test]
fn a_connection_is_cut_before_the_command_or_after_it_is_done() {
    let counter = Counter::start();
    let proxy = Proxy::redis(counter.port);
    let mut stream = client(&proxy);
    proxy.on_command(1, |_| true, Mode::CutBeforeForward);
    assert_eq!(ask(&mut stream), ":1\r\n");
    stream.write_all(PING).unwrap();
    assert_eq!(rest(&mut stream), "");
    assert_eq!(counter.done(), 1);

    // The replies to earlier commands arrive, even if all commands were sent at once.
    proxy.on_command(2, |_| true, Mode::CutAfterForward);
    let mut stream = client(&proxy);
    stream.write_all(&PING.repeat(3)).unwrap();
    assert_eq!(rest(&mut stream), ":2\r\n:3\r\n");
    counter.until_done(4);
    assert_eq!(ask(&mut client(&proxy)), ":5\r\n");
}

#[test]
fn a_reply_is_swallowed_truncated_dripped_or_replaced() {
    let counter = Counter::start();
    let proxy = Proxy::redis(counter.port);
    let mut stream = client(&proxy);
    let pause = Duration::from_millis(10);
    proxy.on_command(0, |_| true, Mode::SlowDrip(pause));
    let begun = Instant::now();
    assert_eq!(ask(&mut stream), ":1\r\n");
    assert!(begun.elapsed() >= 3 * pause);

    proxy.on_command(0, |_| true, Mode::Garbage(b"no!\n".to_vec()));
    assert_eq!(ask(&mut stream), "no!\n");
    assert_eq!(ask(&mut stream), ":3\r\n");

    proxy.on_command(0, |_| true, Mode::Truncate(2));
    stream.write_all(PING).unwrap();
    assert_eq!(rest(&mut stream), ":4");

    let mut stream = client(&proxy);
    proxy.on_command(0, |_| true, Mode::SwallowReply);
    stream.write_all(PING).unwrap();
    assert!(is_silent(&mut stream));
    counter.until_done(5);
    stream.write_all(PING).unwrap();
    assert!(is_silent(&mut stream));
}

#[test]
fn a_mode_can_be_limited_to_a_connection_or_a_kind_of_command() {
    let counter = Counter::start();
    let proxy = Proxy::redis(counter.port);
    let (mut one, mut other) = (client(&proxy), client(&proxy));
    assert_eq!((ask(&mut one), ask(&mut other)), (":1\r\n".into(), ":2\r\n".into()));
    proxy.set_connection(1, Mode::CutBeforeForward);
    proxy.on_each(|command| command.name == "GET", Mode::Garbage(b"none".to_vec()));
    proxy.on_command(1, |command| command.name == "PING", Mode::Garbage(b"some".to_vec()));
    let get: &[u8] = b"*1\r\n$4\r\nGET \r\n";
    for (send, expected) in [(get, "none"), (PING, ":4\r\n"), (get, "none"), (PING, "some"), (PING, ":7\r\n")]
    {
        one.write_all(send).unwrap();
        assert_eq!(read(&mut one, 4), expected);
    }
    other.write_all(PING).unwrap();
    assert_eq!(rest(&mut other), "");
}

#[test]
fn connections_are_refused_reset_and_sent_elsewhere() {
    let (counter, elsewhere) = (Counter::start(), Counter::start());
    let proxy = Proxy::redis(counter.port);
    let mut old = client(&proxy);
    assert_eq!(ask(&mut old), ":1\r\n");
    proxy.refuse();
    let refused = |result: io::Result<usize>| !matches!(result, Ok(1..));
    assert!(refused(client(&proxy).read(&mut [0])));
    proxy.heal();

    proxy.point_to(elsewhere.port);
    assert_eq!(ask(&mut old), ":2\r\n");
    assert_eq!(ask(&mut client(&proxy)), ":1\r\n");
    proxy.reset();
    assert_eq!(old.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(ask(&mut client(&proxy)), ":2\r\n");
    assert_eq!((counter.done(), elsewhere.done()), (2, 2));

    let port = proxy.port();
    let mut open = client(&proxy);
    assert_eq!(ask(&mut open), ":3\r\n");
    drop(proxy);
    assert!(refused(open.read(&mut [0])));
    assert_eq!(
        Stream::connect((Ipv4Addr::LOCALHOST, port)).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
}
