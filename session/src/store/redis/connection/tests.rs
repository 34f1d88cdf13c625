//! A connection over a pipe in memory, of which the test is the server.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
};

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::{Instant, sleep},
};

use super::*;
use crate::store::redis::resp::Replies;

const RESPONSE: Duration = Duration::from_millis(2500);
const CHECK: Duration = Duration::from_secs(1);

/// A connection, and the server's end of it, on a clock that stands still while anything can run.
fn open() -> (Connection, DuplexStream) {
    let (ours, theirs) = duplex(64 * 1024);
    (Connection::open(ours, RESPONSE, CHECK), theirs)
}

fn echo(word: &str) -> Commands {
    Commands::one(&["ECHO", word])
}

/// The words of the next command.
async fn command(server: &mut DuplexStream, arrived: &mut Replies) -> Option<Vec<String>> {
    loop {
        if let Some(Reply::Array(words)) = arrived.next().unwrap() {
            let word = |word| match word {
                Reply::BulkString(word) => String::from_utf8(word.to_vec()).unwrap(),
                other => panic!("{other:?}"),
            };
            return Some(words.into_iter().map(word).collect());
        }
        if server.read_buf(arrived.room()).await.unwrap() == 0 {
            return None;
        }
    }
}

/// Answers every command with its last word, in pieces of `size` bytes, until the connection ends; returns the commands.
async fn serve(mut server: DuplexStream, size: usize) -> Vec<String> {
    let (mut arrived, mut seen) = (Replies::default(), Vec::new());
    while let Some(words) = command(&mut server, &mut arrived).await {
        let last = words.last().unwrap();
        for piece in format!("${}\r\n{last}\r\n", last.len()).as_bytes().chunks(size) {
            // Replies to callers that have left may find the connection gone.
            server.write_all(piece).await.ok();
            tokio::task::yield_now().await;
        }
        seen.push(last.clone());
    }
    seen
}

/// Polls once, as a caller does that is about to leave.
async fn begin<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context))).await
}

fn text(answer: Result<Vec<Reply>, Fault>) -> String {
    match answer.unwrap().as_slice() {
        [Reply::BulkString(text)] => String::from_utf8(text.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_caller_gets_its_own_reply_whoever_leaves_and_nothing_is_sent_twice() {
    for (size, leaves) in [(1, 2), (2, 3), (5, 2), (1000, 7)] {
        let (connection, server) = open();
        let server = tokio::spawn(serve(server, size));
        for round in 0..5 {
            join_all((0..100).map(|n| {
                let connection = &connection;
                async move {
                    let word = format!("{round}-{n}");
                    let mut sent = pin!(connection.send(echo(&word)));
                    for _ in 0..n % 5 {
                        tokio::task::yield_now().await;
                    }
                    assert!(begin(&mut sent).await.is_pending());
                    for _ in 0..n % 11 {
                        tokio::task::yield_now().await;
                    }
                    // The others leave, and their future is dropped here.
                    if n % leaves != 0 {
                        assert_eq!(text(sent.await), word);
                    }
                }
            }))
            .await;
        }
        assert!(connection.is_usable());
        drop(connection);
        let mut seen = server.await.unwrap();
        seen.retain(|word| word != "PING");
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count, "something was sent twice");
        assert!(count > 300, "{count}");
    }
}

/// Several commands of one caller stay together.
#[tokio::test(start_paused = true)]
async fn commands_of_one_caller_are_answered_together() {
    let (connection, server) = open();
    let server = tokio::spawn(serve(server, 3));
    let mut commands = echo("a");
    commands.add(&["ECHO", "b"], &[]);
    let (two, one) = tokio::join!(connection.send(commands), connection.send(echo("c")));
    assert_eq!((two.unwrap().len(), text(one)), (2, "c".to_owned()));
    drop(connection);
    assert_eq!(server.await.unwrap(), ["a", "b", "c"]);
}

/// The pipe holds seven bytes, so writing waits for reading and the other way round.
#[tokio::test(start_paused = true)]
async fn a_slow_network_stops_nothing() {
    let (ours, theirs) = duplex(7);
    let connection = Connection::open(ours, RESPONSE, CHECK);
    tokio::spawn(serve(theirs, 1000));
    let words: Vec<_> = (0..20).map(|n| n.to_string().repeat(2000)).collect();
    let answers = join_all(words.iter().map(|word| connection.send(echo(word)))).await;
    assert!(answers.into_iter().map(text).eq(words));
}

/// More is taken as soon as there is room, and not only when a reply comes.
#[tokio::test(start_paused = true)]
async fn large_commands_do_not_wait_for_the_replies_to_each_other() {
    let (connection, mut server) = open();
    let words: Vec<_> = ["a", "b", "c"].map(|word| word.repeat(100_000)).into();
    let sent = join_all(words.iter().map(|word| connection.send(echo(word))));
    let (answers, ()) = tokio::join!(sent, async {
        let mut arrived = Replies::default();
        for word in &words {
            assert_eq!(command(&mut server, &mut arrived).await.unwrap(), ["ECHO", word]);
        }
        server.write_all(b"+1\r\n+2\r\n+3\r\n").await.unwrap();
    });
    assert!(answers.iter().all(Result::is_ok));
}

/// The server then works while the others run.
#[tokio::test(start_paused = true)]
async fn what_some_callers_ask_for_next_is_sent_before_all_have_their_replies() {
    let (connection, mut server) = open();
    let callers = join_all((0..12).map(|_| async {
        connection.ask(&["PING"]).await.unwrap();
        connection.ask(&["PING"]).await.unwrap();
    }));
    let (_, ()) = tokio::join!(callers, async {
        let size = Commands::one(&["PING"]).bytes.len();
        let (mut arrived, replies) = (vec![0; 12 * size], b"+PONG\r\n".repeat(12));
        server.read_exact(&mut arrived).await.unwrap();
        server.write_all(&replies).await.unwrap();
        let first = server.read(&mut arrived).await.unwrap();
        assert_eq!(first, 4 * size);
        arrived.truncate(12 * size - first);
        server.read_exact(&mut arrived).await.unwrap();
        server.write_all(&replies).await.unwrap();
    });
}

#[tokio::test(start_paused = true)]
async fn what_is_no_reply_ends_the_connection() {
    // Replies that came before the garbage are still good.
    for (garbage, good) in [("?\r\n", 0), ("$1\r\na\r\n$1\r\nab\r\n", 1), ("+one\r\n+too\r\n+many\r\n", 2)] {
        let (connection, mut server) = open();
        let (first, second, ()) =
            tokio::join!(connection.send(echo("a")), connection.send(echo("b")), async {
                assert!(server.read(&mut [0; 100]).await.unwrap() > 0);
                server.write_all(garbage.as_bytes()).await.unwrap();
            });
        for (nth, answer) in [first, second].iter().enumerate() {
            let lost = matches!(answer, Err(Fault::Lost(Ended::Malformed)));
            assert!(if nth < good { answer.is_ok() } else { lost }, "{garbage:?}: {answer:?}");
        }
        assert!(!connection.is_usable());
        assert!(matches!(connection.send(echo("c")).await, Err(Fault::NotSent(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn after_the_end_nothing_is_sent_and_before_it_what_was_sent_is_lost() {
    let (connection, mut server) = open();
    let (lost, ()) = tokio::join!(connection.send(echo("a")), async {
        assert!(server.read(&mut [0; 100]).await.unwrap() > 0);
        server.shutdown().await.unwrap();
    });
    assert!(matches!(lost, Err(Fault::Lost(Ended::Closed))), "{lost:?}");
    assert!(!connection.is_usable());
    assert!(matches!(connection.ask(&["PING"]).await, Err(Fault::NotSent(_))));
    let mut rest = Vec::new();
    server.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"");
}

/// Callers that the task had not taken over when the connection ended know that their commands were not sent.
#[tokio::test(start_paused = true)]
async fn a_bounded_number_of_commands_is_on_its_way_and_the_others_are_not_sent() {
    let (connection, mut server) = open();
    let sent = join_all((0..3000).map(|_| connection.send(Commands::one(&["PING"]))));
    let (answers, ()) = tokio::join!(sent, async {
        sleep(Duration::from_millis(100)).await;
        let mut arrived = Vec::new();
        timeout(Duration::from_millis(100), server.read_to_end(&mut arrived)).await.unwrap_err();
        assert_eq!(arrived.len(), 1024 * Commands::one(&["PING"]).bytes.len());
        drop(server);
    });
    let lost = answers.iter().filter(|answer| matches!(answer, Err(Fault::Lost(_)))).count();
    let not_sent = answers.iter().filter(|answer| matches!(answer, Err(Fault::NotSent(_)))).count();
    assert_eq!((lost, not_sent), (1024, 3000 - 1024));
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_waited_for_as_long_as_was_said() {
    let (connection, mut server) = open();
    let mut arrived = Replies::default();
    // A connection that was idle for longer has as much time for its next command.
    sleep(RESPONSE * 2).await;
    let (answer, ()) = tokio::join!(connection.ask(&["PING"]), async {
        command(&mut server, &mut arrived).await;
        sleep(RESPONSE * 99 / 100).await;
        server.write_all(b"+PONG\r\n").await.unwrap();
    });
    assert_eq!(answer.unwrap(), Reply::SimpleString("PONG".into()));
    let asked = Instant::now();
    let answer = connection.ask(&["PING"]).await;
    assert!(matches!(answer, Err(Fault::Lost(Ended::Silent))), "{answer:?}");
    let waited = asked.elapsed();
    assert!(waited >= RESPONSE && waited < RESPONSE + Duration::from_millis(20), "{waited:?}");
    assert!(!connection.is_usable());
}

#[tokio::test(start_paused = true)]
async fn after_a_caller_gave_up_the_server_must_answer_a_ping() {
    for answers in [true, false] {
        let (connection, mut server) = open();
        let mut arrived = Replies::default();
        timeout(Duration::from_millis(10), connection.send(echo("a"))).await.unwrap_err();
        assert_eq!(command(&mut server, &mut arrived).await.unwrap(), ["ECHO", "a"]);
        assert_eq!(command(&mut server, &mut arrived).await.unwrap(), ["PING"]);
        let owed = b"$1\r\na\r\n+PONG\r\n";
        if answers {
            server.write_all(owed).await.unwrap();
        }
        // Whoever waits already is not given up, but gets the answer that comes after a stall.
        let (other, ()) = tokio::join!(connection.send(echo("b")), async {
            sleep(CHECK + Duration::from_millis(10)).await;
            assert_eq!(connection.is_usable(), answers);
            if !answers {
                server.write_all(owed).await.unwrap();
            }
            server.write_all(b"$1\r\nb\r\n").await.unwrap();
        });
        assert_eq!((text(other).as_str(), connection.is_usable()), ("b", answers));
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_came_later_waits_for_its_own_time() {
    let (connection, mut server) = open();
    let (first, second, third, ()) = tokio::join!(
        connection.send(echo("a")),
        async {
            sleep(RESPONSE / 2).await;
            connection.send(echo("b")).await
        },
        async {
            sleep(RESPONSE / 2).await;
            connection.send(echo("c")).await
        },
        async {
            sleep(RESPONSE + Duration::from_millis(50)).await;
            assert!(!connection.is_usable(), "new callers go elsewhere");
            server.write_all(b"$1\r\na\r\n$1\r\nb\r\n").await.unwrap();
        }
    );
    assert!(matches!(first, Err(Fault::Lost(Ended::Silent))), "{first:?}");
    assert_eq!(text(second), "b");
    assert!(matches!(third, Err(Fault::Lost(Ended::Silent))), "{third:?}");
    assert!(matches!(connection.send(echo("d")).await, Err(Fault::NotSent(_))));
}

#[tokio::test(start_paused = true)]
async fn a_retired_connection_still_gets_its_answers() {
    let (connection, mut server) = open();
    let (answer, ()) = tokio::join!(connection.send(echo("a")), async {
        assert!(server.read(&mut [0; 100]).await.unwrap() > 0);
        connection.retire();
        assert!(!connection.is_usable());
        server.write_all(b"$1\r\na\r\n").await.unwrap();
    });
    assert_eq!(text(answer), "a");
    // The task ends with the last connection, and the server sees that.
    drop(connection);
    assert_eq!(server.read(&mut [0; 100]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_server_is_a_refusal() {
    let (connection, mut server) = open();
    let (answer, ()) = tokio::join!(connection.ask(&["GET", "a"]), async {
        assert!(server.read(&mut [0; 100]).await.unwrap() > 0);
        server.write_all(b"-WRONGTYPE Operation\r\n").await.unwrap();
    });
    assert!(matches!(answer, Err(Fault::Refused(error)) if error.code() == "WRONGTYPE"));
    assert!(connection.is_usable());
}
