//! The borders of commands and replies, in RESP, in version 3 of PostgreSQL's protocol, and in MySQL's without prepared statements.
//!
//! In: the bytes so far, however the network split them. Out: the next command and a name for it, and the next piece of a reply. Never interprets
//! either.

use std::collections::HashMap;

/// How a reply ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reply {
    /// There is no reply.
    None,
    /// The reply is one RESP value.
    Value,
    /// The reply is the one byte that says whether the server speaks TLS.
    Byte,
    /// The reply ends with `ReadyForQuery`.
    Ready,
    /// The reply is one packet of MySQL's.
    Packet,
    /// The reply is the results of one or more statements of MySQL's.
    Results,
}

/// One command of the client.
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) reply: Reply,
}

/// Splits the bytes of one client into commands.
#[derive(Debug)]
pub(crate) enum Requests {
    Redis,
    Postgres {
        started: bool,
        /// The text of each prepared statement, by name.
        statements: HashMap<Vec<u8>, String>,
    },
    MySql {
        started: bool,
    },
}

impl Requests {
    /// Takes the next command from the front of `buffer`, once it is complete.
    pub(crate) fn next(&mut self, buffer: &mut Vec<u8>) -> Option<Request> {
        match self {
            Self::Redis => {
                let bytes: Vec<u8> = buffer.drain(..value_end(buffer, 0)?).collect();
                Some(Request { name: first_word(&bytes), bytes, reply: Reply::Value })
            }
            Self::Postgres { started: false, .. } => self.first(buffer),
            Self::Postgres { statements, .. } => typed(buffer, statements),
            Self::MySql { started } => packet(buffer, started),
        }
    }

    /// Takes a message without a type, such as the first ones of a connection.
    fn first(&mut self, buffer: &mut Vec<u8>) -> Option<Request> {
        let length = number(buffer, 0)?;
        let code = number(buffer, 4)?;
        if buffer.len() < length {
            return None;
        }
        let (name, reply) = match code {
            80_877_102 => ("cancel", Reply::None),
            80_877_103 => ("SSLRequest", Reply::Byte),
            80_877_104 => ("GSSENCRequest", Reply::Byte),
            _ => ("startup", Reply::Ready),
        };
        if let (Self::Postgres { started, .. }, Reply::Ready) = (self, reply) {
            *started = true;
        }
        Some(Request { name: name.into(), bytes: buffer.drain(..length).collect(), reply })
    }

    /// How a piece ends that belongs to no command, such as a notice.
    pub(crate) fn unasked(&self) -> Reply {
        match self {
            Self::Redis => Reply::Value,
            Self::Postgres { .. } => Reply::Ready,
            // The server speaks first.
            Self::MySql { .. } => Reply::Packet,
        }
    }
}

/// Takes one packet. The first one begins the connection; one with a sequence number belongs to what the server asks then.
fn packet(buffer: &mut Vec<u8>, started: &mut bool) -> Option<Request> {
    const QUIT: u8 = 1;
    const QUERY: u8 = 3;
    let bytes: Vec<u8> = buffer.drain(..packet_end(buffer, 0)?).collect();
    let (name, reply) = match (std::mem::replace(started, true), bytes[3], bytes.get(4)) {
        (false, ..) => ("startup".into(), Reply::Packet),
        (true, 1.., _) => ("login".into(), Reply::Packet),
        (true, 0, Some(&QUIT)) => (String::new(), Reply::None),
        (true, 0, Some(&QUERY)) => (String::from_utf8_lossy(&bytes[5..]).into_owned(), Reply::Results),
        (true, 0, other) => panic!("the proxy does not know the command {other:?}"),
    };
    Some(Request { name, bytes, reply })
}

/// Takes everything up to a message that makes the server act.
fn typed(buffer: &mut Vec<u8>, statements: &mut HashMap<Vec<u8>, String>) -> Option<Request> {
    let mut name = String::new();
    let mut at = 0;
    loop {
        let end = at + 1 + number(buffer, at + 1)?;
        let body = buffer.get(at + 5..end)?;
        let mut texts = body.split(|byte| *byte == 0);
        let mut text = || texts.next().unwrap_or_default().to_vec();
        let kind = buffer[at];
        match kind {
            b'P' => {
                let statement = text();
                let sql = String::from_utf8_lossy(&text()).into_owned();
                name = format!("prepare {sql}");
                statements.insert(statement, sql);
            }
            // The statement follows the name of a portal.
            b'B' => {
                text();
                name = statements.get(&text()).cloned().unwrap_or_default();
            }
            b'Q' => name = String::from_utf8_lossy(&text()).into_owned(),
            _ => {}
        }
        at = end;
        let reply = match kind {
            b'S' | b'Q' => Reply::Ready,
            // Flush, Terminate, a password, and the messages of COPY.
            b'H' | b'X' | b'p' | b'd' | b'c' | b'f' => Reply::None,
            _ => continue,
        };
        return Some(Request { name, bytes: buffer.drain(..end).collect(), reply });
    }
}

/// The next piece of a reply at the front of `buffer`: its length, and whether it is the last one.
pub(crate) fn piece(reply: Reply, buffer: &[u8]) -> Option<(usize, bool)> {
    match reply {
        Reply::Byte => (!buffer.is_empty()).then_some((1, true)),
        // A push belongs to no command.
        Reply::Value => value_end(buffer, 0).map(|end| (end, buffer[0] != b'>')),
        Reply::Packet => packet_end(buffer, 0).map(|end| (end, true)),
        Reply::Results => results_end(buffer).map(|end| (end, true)),
        Reply::Ready | Reply::None => {
            let end = 1 + number(buffer, 1)?;
            (end <= buffer.len()).then(|| (end, buffer[0] == b'Z'))
        }
    }
}

/// The end of the packet of MySQL's that begins at `at`, once it is complete.
fn packet_end(bytes: &[u8], at: usize) -> Option<usize> {
    let [a, b, c, _] = *bytes.get(at..at + 4)? else { return None };
    let end = at + 4 + usize::try_from(u32::from_le_bytes([a, b, c, 0])).unwrap();
    (end <= bytes.len()).then_some(end)
}

/// The end of the results of all statements of one command, once they are complete.
fn results_end(bytes: &[u8]) -> Option<usize> {
    const MORE_RESULTS: u8 = 8;
    let mut at = 0;
    loop {
        let end = packet_end(bytes, at)?;
        let body = &bytes[at + 4..end];
        at = end;
        let status = match body.first() {
            Some(0xff) | None => return Some(at),
            // `OK`: two numbers, both small in tests, and the status.
            Some(0) => body.get(3),
            // The number of columns; then a packet for each of them, rows, and a packet that ends the rows.
            Some(columns) => {
                for _ in 0..*columns {
                    at = packet_end(bytes, at)?;
                }
                loop {
                    let end = packet_end(bytes, at)?;
                    let body = &bytes[at + 4..end];
                    at = end;
                    match body.first() {
                        Some(0xff) => return Some(at),
                        Some(0xfe) => break body.get(3),
                        _ => {}
                    }
                }
            }
        };
        if status.is_none_or(|status| status & MORE_RESULTS == 0) {
            return Some(at);
        }
    }
}

/// A length in PostgreSQL's protocol, which includes itself.
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(four)).ok()
}

/// The end of the RESP value that begins at `at`, once it is complete.
fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    let (line, after) = line(bytes, at)?;
    // A length of -1 means null, without bytes.
    let length = || std::str::from_utf8(line.get(1..)?).ok()?.parse::<i64>().ok();
    let values = |count: usize| (0..count).try_fold(after, |at, _| value_end(bytes, at));
    match line.first() {
        Some(b'$' | b'!' | b'=') => match usize::try_from(length()?) {
            Ok(length) => (after + length + 2 <= bytes.len()).then_some(after + length + 2),
            Err(_) => Some(after),
        },
        Some(b'*' | b'~' | b'>') => values(usize::try_from(length()?).unwrap_or(0)),
        Some(b'%') => values(2 * usize::try_from(length()?).ok()?),
        // Attributes, followed by their value.
        Some(b'|') => values(2 * usize::try_from(length()?).ok()? + 1),
        _ => Some(after),
    }
}

/// The line that begins at `at`, and the beginning of the next one.
fn line(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = bytes.get(at..)?;
    let length = rest.windows(2).position(|two| two == b"\r\n")?;
    Some((&rest[..length], at + length + 2))
}

/// The name of a Redis command, in capitals.
fn first_word(request: &[u8]) -> String {
    let word = line(request, 0).and_then(|(_, at)| line(request, at)).and_then(|(_, at)| line(request, at));
    String::from_utf8_lossy(word.map_or(request, |(word, _)| word)).trim_end().to_uppercase()
}

mod tests {
    use super::*;

    /// Feeds the bytes one by one: each border must be found at the last byte of a command and no earlier.
    fn cut(mut requests: Requests, all: &[&[u8]]) -> Vec<(String, Reply)> {
        let mut buffer = Vec::new();
        let mut found = Vec::new();
        for expected in all {
            for (sent, byte) in expected.iter().enumerate() {
                buffer.push(*byte);
                let next = requests.next(&mut buffer);
                assert_eq!(next.is_some(), sent + 1 == expected.len());
                if let Some(request) = next {
                    assert_eq!(request.bytes, *expected);
                    found.push((request.name, request.reply));
                }
            }
        }
        found
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[kind][..], &length, body].concat()
    }

    #[test]
    fn redis_commands_are_split_at_their_ends() {
        let all: [&[u8]; 3] = [b"*1\r\n$4\r\nping\r\n", b"*2\r\n$3\r\nGET\r\n$4\r\n\r\n*1\r\n", b"PING\r\n"];
        let names = cut(Requests::Redis, &all);
        assert_eq!(names, ["PING", "GET", "PING"].map(|name| (name.to_owned(), Reply::Value)));
    }

    #[test]
    fn postgres_commands_end_where_the_server_acts() {
        let ssl = [8_u32.to_be_bytes(), 80_877_103_u32.to_be_bytes()].concat();
        let startup = [&13_u32.to_be_bytes()[..], &196_608_u32.to_be_bytes(), b"user\0"].concat();
        let prepare =
            [message(b'P', b"s1\0SELECT 1\0\0\0"), message(b'D', b"Ss1\0"), message(b'S', b"")].concat();
        let execute =
            [message(b'B', b"\0s1\0\0\0\0\0\0\0"), message(b'E', b"\0\0\0\0\0"), message(b'S', b"")].concat();
        let simple = message(b'Q', b"COMMIT\0");
        let end = message(b'X', b"");
        let requests = Requests::Postgres { started: false, statements: HashMap::new() };
        let found = cut(requests, &[&ssl, &startup, &prepare, &execute, &simple, &end]);
        let expected = [
            ("SSLRequest", Reply::Byte),
            ("startup", Reply::Ready),
            ("prepare SELECT 1", Reply::Ready),
            ("SELECT 1", Reply::Ready),
            ("COMMIT", Reply::Ready),
            ("", Reply::None),
        ];
        assert_eq!(found, expected.map(|(name, reply)| (name.to_owned(), reply)));
    }

    fn numbered(number: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        [&length[..3], &[number], body].concat()
    }

    #[test]
    fn mysql_commands_are_packets_and_their_replies_end_with_the_last_result() {
        let all = [
            numbered(1, b"hello"),
            numbered(3, b"password"),
            numbered(0, b"\x03SELECT 1"),
            numbered(0, b"\x01"),
        ];
        let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
        let found = cut(Requests::MySql { started: false }, &all);
        let expected = [
            ("startup", Reply::Packet),
            ("login", Reply::Packet),
            ("SELECT 1", Reply::Results),
            ("", Reply::None),
        ];
        assert_eq!(found, expected.map(|(name, reply)| (name.to_owned(), reply)));

        let one = [
            numbered(1, b"\0\0\0\x0a\0\0\0"),
            numbered(2, b"\x02"),
            numbered(3, b"\x03def a"),
            numbered(4, b"\x03def b"),
            numbered(5, b"\x011\x012"),
            numbered(6, b"\xfe\0\0\x0a\0\0\0"),
            numbered(7, b"\0\x01\0\x02\0\0\0"),
        ]
        .concat();
        for length in 0..one.len() {
            assert_eq!(piece(Reply::Results, &one[..length]), None, "{length}");
        }
        assert_eq!(piece(Reply::Results, &[&one[..], b"more"].concat()), Some((one.len(), true)));
        let refused = [numbered(1, b"\0\0\0\x0a\0\0\0"), numbered(2, b"\xff\x50\x04no")].concat();
        assert_eq!(piece(Reply::Results, &refused), Some((refused.len(), true)));
    }

    #[test]
    fn replies_are_split_at_their_ends() {
        let values: [&[u8]; 8] = [
            b"+OK\r\n",
            b"$-1\r\n",
            b"$2\r\n\r\n\r\n",
            b"*-1\r\n",
            b"*2\r\n*1\r\n:1\r\n$0\r\n\r\n",
            b"%1\r\n+a\r\n#t\r\n",
            b"|1\r\n+a\r\n:1\r\n_\r\n",
            b"=5\r\ntxt:a\r\n",
        ];
        for value in values {
            for length in 0..value.len() {
                assert_eq!(piece(Reply::Value, &value[..length]), None, "{value:?} {length}");
            }
            let more = [value, b"+OK\r\n"].concat();
            assert_eq!(piece(Reply::Value, &more), Some((value.len(), true)), "{value:?}");
        }
        assert_eq!(piece(Reply::Value, b">1\r\n+a\r\n+"), Some((8, false)));
        assert_eq!(piece(Reply::Byte, b"NZ"), Some((1, true)));
        assert_eq!(piece(Reply::Ready, b"C\0\0\0\x05aZ"), Some((6, false)));
        assert_eq!(piece(Reply::Ready, b"Z\0\0\0\x05"), None);
        assert_eq!(piece(Reply::Ready, b"Z\0\0\0\x05I"), Some((6, true)));
    }
}
