//! The Redis protocol, RESP2: commands as bytes, and replies from bytes.
//!
//! In: the words of commands, and bytes in the pieces in which they arrive. Out: the bytes of commands, and whole replies. Never: I/O, or
//! memory and recursion as deep as a server asks for.

use std::{borrow::Cow, ops::Range};

use bytes::{Bytes, BytesMut};

#[cfg(test)]
pub(super) mod tests;

/// How deep arrays may be nested. CLUSTER SLOTS has four levels.
const DEPTH: usize = 8;
/// How long a line may be. The longest are the messages of errors.
const LINE: usize = 64 * 1024;
/// How large a reply may be: a record is at most 16 MiB, and this is an index of half a million sessions.
const LARGEST: usize = 64 * 1024 * 1024;
/// How many elements a reply may have, so that it takes only a few times as much memory decoded.
const ELEMENTS: usize = LARGEST / 32;
/// The smallest space to read into: one read takes the reply for a usual session.
const ROOM: usize = 4 * 1024;
/// How much space is made when there is less than that. Allocating once for several replies costs less than for each.
const BUFFER: usize = 32 * 1024;

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

/// A reply. Its texts are parts of what was read, and are not copied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Reply {
    SimpleString(Bytes),
    Error(ServerError),
    Integer(i64),
    BulkString(Bytes),
    Array(Vec<Reply>),
    Null,
}

/// What a server sent is not RESP2, or larger or deeper than any reply to this store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Malformed;

/// The bytes that have arrived and are not yet taken as replies.
#[derive(Default)]
pub(super) struct Replies {
    bytes: BytesMut,
    /// The elements of the first reply that have arrived, in their order, and where the last one ends. So a large reply is not read again
    /// from its beginning whenever a piece arrives.
    elements: Vec<Element>,
    end: usize,
    /// How many elements each open array still lacks, the outermost array first.
    open: Vec<usize>,
}

impl Replies {
    /// The place for what arrives next. It doubles while a reply is incomplete, so that a large one takes few reads.
    pub(super) fn room(&mut self) -> &mut BytesMut {
        if self.bytes.capacity() - self.bytes.len() < ROOM {
            self.bytes.reserve(self.bytes.len().max(BUFFER));
        }
        &mut self.bytes
    }

    /// Takes the next reply, if all of it has arrived.
    pub(super) fn next(&mut self) -> Result<Option<Reply>, Malformed> {
        while let Some((element, end)) = Element::at(&self.bytes, self.end)? {
            self.end = end;
            let length = if let Element::Array(length) = element { length } else { 0 };
            if self.elements.len() == ELEMENTS || self.open.len() == DEPTH && length > 0 {
                return Err(Malformed);
            }
            self.elements.push(element);
            if length > 0 {
                self.open.push(length);
                continue;
            }
            self.close();
            if self.open.is_empty() {
                let whole = self.bytes.split_to(std::mem::take(&mut self.end)).freeze();
                return Ok(reply(&whole, &mut self.elements.drain(..)));
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

/// An element of a reply; where its text is, or how many elements an array has.
enum Element {
    SimpleString(Range<usize>),
    Error(Range<usize>),
    Integer(i64),
    BulkString(Range<usize>),
    Array(usize),
    Null,
}

impl Element {
    /// The element at `start`, and where it ends; `None` if not all of it has arrived.
    fn at(bytes: &[u8], start: usize) -> Result<Option<(Self, usize)>, Malformed> {
        let Some((kind, text)) = line(bytes, start)? else { return Ok(None) };
        let (range, end) = (start + 1..start + 1 + text.len(), start + text.len() + 3);
        let element = match kind {
            b'+' => Self::SimpleString(range),
            b'-' => Self::Error(range),
            b':' => Self::Integer(str::from_utf8(text).ok().and_then(|n| n.parse().ok()).ok_or(Malformed)?),
            b'$' | b'*' if text == b"-1" => Self::Null,
            b'*' => Self::Array(length(text)?),
            b'$' => {
                let after = end + length(text)?;
                return match bytes.get(after..after + 2) {
                    None => Ok(None),
                    Some(b"\r\n") => Ok(Some((Self::BulkString(end..after), after + 2))),
                    Some(_) => Err(Malformed),
                };
            }
            _ => return Err(Malformed),
        };
        Ok(Some((element, end)))
    }
}

/// The reply that begins with the next of `elements`.
fn reply(bytes: &Bytes, elements: &mut impl Iterator<Item = Element>) -> Option<Reply> {
    Some(match elements.next()? {
        Element::SimpleString(text) => Reply::SimpleString(bytes.slice(text)),
        Element::Error(text) => Reply::Error(ServerError::new(&String::from_utf8_lossy(&bytes.slice(text)))),
        Element::Integer(number) => Reply::Integer(number),
        Element::BulkString(text) => Reply::BulkString(bytes.slice(text)),
        Element::Array(length) => {
            let mut array = Vec::with_capacity(length);
            for _ in 0..length {
                array.push(reply(bytes, elements)?);
            }
            Reply::Array(array)
        }
        Element::Null => Reply::Null,
    })
}

/// The kind and the text of the line at `start`; `None` if not all of it has arrived.
fn line(bytes: &[u8], start: usize) -> Result<Option<(u8, &[u8])>, Malformed> {
    let Some((kind, rest)) = bytes.get(start..).and_then(<[u8]>::split_first) else { return Ok(None) };
    let near = rest.get(..LINE).unwrap_or(rest);
    let Some(length) = near.iter().position(|byte| *byte == b'\n') else {
        return if near.len() < LINE { Ok(None) } else { Err(Malformed) };
    };
    let text = near.get(..length).and_then(|text| text.strip_suffix(b"\r")).ok_or(Malformed)?;
    if start > LARGEST { Err(Malformed) } else { Ok(Some((*kind, text))) }
}

/// The length of a string or an array.
fn length(text: &[u8]) -> Result<usize, Malformed> {
    let digit = |digit: &u8| digit.is_ascii_digit().then(|| usize::from(digit - b'0'));
    let number = text.iter().try_fold(0, |number: usize, byte| {
        Some(number * 10 + digit(byte)?).filter(|number| *number <= LARGEST)
    });
    number.filter(|_| !text.is_empty()).ok_or(Malformed)
}
