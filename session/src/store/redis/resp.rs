//! The Redis protocol, RESP2: commands as bytes, and replies from bytes.
//!
//! In: the words of commands, and bytes in the pieces in which they arrive. Out: the bytes of commands, and whole replies. Never: I/O, or
//! memory and recursion as deep as a server asks for.

use std::borrow::Cow;

use bytes::BytesMut;
use redis_protocol::resp2::decode::decode_bytes_mut;
pub(super) use redis_protocol::resp2::types::BytesFrame as Reply;

/// How deep arrays may be nested. CLUSTER SLOTS has four levels.
const DEPTH: usize = 8;
/// How long a line may be. The longest are the messages of errors.
const LINE: usize = 64 * 1024;
/// How large a reply may be: a record is at most 16 MiB, and this is an index of half a million sessions.
const LARGEST: usize = 64 * 1024 * 1024;
/// The smallest space to read into: one read takes the reply for a usual session.
const ROOM: usize = 8 * 1024;

/// Commands that are sent with nothing in between.
#[derive(Default)]
pub(super) struct Commands {
    pub(super) bytes: Vec<u8>,
    /// How many replies they get.
    pub(super) count: usize,
}

impl Commands {
    pub(super) fn one(words: &[&str]) -> Self {
        let mut commands = Self::default();
        commands.add(words, &[]);
        commands
    }

    /// Adds a command, of which `arguments` are the last words.
    pub(super) fn add(&mut self, words: &[&str], arguments: &[Cow<'_, str>]) {
        let words = words.iter().copied();
        let all = words.clone().chain(arguments.iter().map(|argument| &**argument));
        // Each word has a line with its length, which rarely has more than five digits.
        let size = all.clone().map(|word| word.len() + 10).sum::<usize>();
        self.bytes.reserve(size + 10);
        self.header(b'*', words.len() + arguments.len());
        for word in all {
            self.header(b'$', word.len());
            self.bytes.extend_from_slice(word.as_bytes());
            self.bytes.extend_from_slice(b"\r\n");
        }
        self.count += 1;
    }

    fn header(&mut self, kind: u8, number: usize) {
        self.bytes.push(kind);
        self.digits(number);
        self.bytes.extend_from_slice(b"\r\n");
    }

    fn digits(&mut self, number: usize) {
        if number >= 10 {
            self.digits(number / 10);
        }
        self.bytes.push(b"0123456789".get(number % 10).copied().unwrap_or(b'0'));
    }
}

/// An error that a server replied: a code, a space, and a message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the Redis server refused the command: {0}")]
pub(super) struct ServerError(Box<str>);

impl ServerError {
    pub(super) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The first word.
    pub(super) fn code(&self) -> &str {
        self.0.split(' ').next().unwrap_or_default()
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// What a server sent is not RESP2, or larger or deeper than any reply to this store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Malformed;

/// The bytes that have arrived and are not yet taken as replies.
#[derive(Default)]
pub(super) struct Replies {
    bytes: BytesMut,
    /// How much of the first reply has been looked at, so that a large one is not looked at from its beginning whenever a piece arrives.
    seen: usize,
    /// How many elements each open array still lacks, the outermost array first.
    open: Vec<usize>,
}

impl Replies {
    /// The place for what arrives next. It doubles while a reply is incomplete, so that a large one takes few reads.
    pub(super) fn room(&mut self) -> &mut BytesMut {
        self.bytes.reserve(self.bytes.len().max(ROOM));
        &mut self.bytes
    }

    /// Takes the next reply, if all of it has arrived.
    pub(super) fn next(&mut self) -> Result<Option<Reply>, Malformed> {
        while let Some(Element { end, holds }) = Element::at(&self.bytes, self.seen)? {
            self.seen = end;
            if holds > 0 {
                if self.open.len() == DEPTH {
                    return Err(Malformed);
                }
                self.open.push(holds);
                continue;
            }
            self.close();
            if self.open.is_empty() {
                self.seen = 0;
                return decode_bytes_mut(&mut self.bytes)
                    .map_err(|_| Malformed)?
                    .map_or(Err(Malformed), |(reply, ..)| Ok(Some(reply)));
            }
        }
        Ok(None)
    }

    /// Closes every array of which the last element has been seen.
    fn close(&mut self) {
        while let Some(lacks) = self.open.last_mut() {
            *lacks -= 1;
            if *lacks > 0 {
                return;
            }
            self.open.pop();
        }
    }
}

/// Where an element of a reply ends, and how many more it holds, if it is an array.
struct Element {
    end: usize,
    holds: usize,
}

impl Element {
    /// The element at `start`, or `None` if not all of it has arrived. Of an array, this is the header.
    fn at(bytes: &[u8], start: usize) -> Result<Option<Self>, Malformed> {
        let Some((kind, text, end)) = line(bytes, start)? else { return Ok(None) };
        match kind {
            b'+' | b'-' => Ok(Some(Self { end, holds: 0 })),
            b':' => number::<i64>(text).map(|_| Some(Self { end, holds: 0 })),
            b'*' => Ok(Some(Self { end, holds: length(text)?.unwrap_or(0) })),
            b'$' => {
                let Some(length) = length(text)? else { return Ok(Some(Self { end, holds: 0 })) };
                let after = end + length;
                match bytes.get(after..after + 2) {
                    None => Ok(None),
                    Some(b"\r\n") => Ok(Some(Self { end: after + 2, holds: 0 })),
                    Some(_) => Err(Malformed),
                }
            }
            _ => Err(Malformed),
        }
    }
}

/// The kind and the text of a line, and where the next one begins.
type Line<'b> = (u8, &'b [u8], usize);

/// The line at `start`; `None` if not all of it has arrived.
fn line(bytes: &[u8], start: usize) -> Result<Option<Line<'_>>, Malformed> {
    let Some((kind, rest)) = bytes.get(start..).and_then(<[u8]>::split_first) else { return Ok(None) };
    let Some(length) = rest.iter().take(LINE).position(|byte| *byte == b'\n') else {
        return if rest.len() < LINE { Ok(None) } else { Err(Malformed) };
    };
    let text = rest.get(..length).and_then(|text| text.strip_suffix(b"\r")).ok_or(Malformed)?;
    let end = start + length + 2;
    if end > LARGEST { Err(Malformed) } else { Ok(Some((*kind, text, end))) }
}

/// The length of a string or an array; `None` for those that are null.
fn length(text: &[u8]) -> Result<Option<usize>, Malformed> {
    if text == b"-1" {
        return Ok(None);
    }
    number(text).and_then(|length| if length > LARGEST { Err(Malformed) } else { Ok(Some(length)) })
}

fn number<N: std::str::FromStr>(text: &[u8]) -> Result<N, Malformed> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Malformed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test that cannot go on fails

    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// As a server writes it.
    fn bytes(reply: &Reply) -> Vec<u8> {
        let line = |kind: char, text: &str| format!("{kind}{text}\r\n").into_bytes();
        match reply {
            Reply::SimpleString(text) => line('+', std::str::from_utf8(text).unwrap()),
            Reply::Error(text) => line('-', text),
            Reply::Integer(number) => line(':', &number.to_string()),
            Reply::Null => line('$', "-1"),
            Reply::BulkString(text) => {
                [line('$', &text.len().to_string()), text.to_vec(), b"\r\n".to_vec()].concat()
            }
            Reply::Array(elements) => {
                let elements = elements.iter().flat_map(bytes);
                line('*', &elements_of(reply).to_string()).into_iter().chain(elements).collect()
            }
        }
    }

    fn elements_of(reply: &Reply) -> usize {
        if let Reply::Array(elements) = reply { elements.len() } else { 0 }
    }

    /// All replies in `pieces`, which arrive one after the other.
    fn read<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Result<Vec<Reply>, Malformed> {
        let (mut replies, mut all) = (Replies::default(), Vec::new());
        for piece in pieces {
            replies.room().extend_from_slice(piece);
            while let Some(reply) = replies.next()? {
                all.push(reply);
            }
        }
        Ok(all)
    }

    fn any_reply() -> impl Strategy<Value = Reply> {
        let leaf = prop_oneof![
            "[^\r\n]{0,20}".prop_map(|text| Reply::SimpleString(text.into())),
            "[^\r\n]{0,20}".prop_map(|text| Reply::Error(text.into())),
            any::<i64>().prop_map(Reply::Integer),
            Just(Reply::Null),
            vec(any::<u8>(), 0..200).prop_map(|text| Reply::BulkString(text.into())),
            "[\r\n$*+:0-9-]{0,20}".prop_map(|text| Reply::BulkString(text.into())),
        ];
        leaf.prop_recursive(6, 40, 6, |inner| vec(inner, 0..6).prop_map(Reply::Array))
    }

    proptest! {
        #[test]
        fn replies_are_read_whole_wherever_the_network_cuts_them(
            replies in vec(any_reply(), 1..4), cuts in vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let bytes: Vec<u8> = replies.iter().flat_map(bytes).collect();
            prop_assert_eq!(read([&bytes[..]]).unwrap(), replies.clone());
            prop_assert_eq!(read(bytes.chunks(1)).unwrap(), replies.clone());
            for at in 0..bytes.len() {
                let (front, back) = bytes.split_at(at);
                prop_assert_eq!(read([front, back]).unwrap(), replies.clone(), "cut at {}", at);
            }
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
            cuts.sort_unstable();
            let ends = cuts.iter().copied().chain([bytes.len()]);
            let pieces = [0].into_iter().chain(cuts.iter().copied()).zip(ends).map(|(from, to)| &bytes[from..to]);
            prop_assert_eq!(read(pieces).unwrap(), replies);
        }

        #[test]
        fn no_bytes_do_any_harm(bytes in vec(prop_oneof![any::<u8>(), prop::sample::select(&b"*$+-:\r\n019"[..])], 0..60)) {
            let whole = read([&bytes[..]]);
            prop_assert_eq!(read(bytes.chunks(1)).is_err(), whole.is_err());
        }
    }

    #[test]
    fn what_is_no_reply_is_refused_as_soon_as_it_is_seen() {
        let long = [b"+".to_vec(), vec![b'x'; LINE]].concat();
        let cases: [&[u8]; 14] = [
            b"?\r\n",
            b"HTTP/1.1 400\r\n",
            b"\r\n",
            b"+a\n",
            b":\r\n",
            b":1x\r\n",
            b"$x\r\n",
            b"$-2\r\n",
            b"$1\r\nab\r\n",
            b"*-2\r\n",
            b"*99999999999999999999\r\n",
            b"$67108865\r\n",
            b"*67108865\r\n",
            &long,
        ];
        for case in cases {
            assert_eq!(read([case]), Err(Malformed), "{:?}", String::from_utf8_lossy(case));
            assert_eq!(
                read([b"*2\r\n$1\r\na\r\n", case]),
                Err(Malformed),
                "{:?}",
                String::from_utf8_lossy(case)
            );
        }
        // What is announced is not believed before it is there.
        let mut announced = Replies::default();
        announced.room().extend_from_slice(b"*67108864\r\n$67108000\r\n");
        assert_eq!(announced.next(), Ok(None));
        assert!(announced.room().capacity() <= 2 * ROOM);
    }

    #[test]
    fn arrays_are_nested_as_deep_as_allowed_and_no_deeper() {
        let nested = |depth: usize| [b"*1\r\n".repeat(depth), b":1\r\n".to_vec()].concat();
        assert_eq!(read([&nested(DEPTH)[..]]).unwrap().len(), 1);
        assert_eq!(read([&nested(DEPTH + 1)[..]]), Err(Malformed));
        assert_eq!(read([&nested(1_000_000)[..]]), Err(Malformed));
    }

    #[test]
    fn commands_are_arrays_of_their_words() {
        let mut commands = Commands::one(&["PING"]);
        commands.add(&["SET", "a\r\n"], &["".into(), "0123456789".into()]);
        let expected =
            "*1\r\n$4\r\nPING\r\n*4\r\n$3\r\nSET\r\n$3\r\na\r\n\r\n$0\r\n\r\n$10\r\n0123456789\r\n";
        assert_eq!((String::from_utf8(commands.bytes).unwrap().as_str(), commands.count), (expected, 2));
    }

    #[test]
    fn the_code_of_an_error_is_its_first_word() {
        let codes = ["MOVED 1 a:2", "OOM", ""].map(|text| ServerError::new(text).code().to_owned());
        assert_eq!(codes, ["MOVED", "OOM", ""]);
    }
}
