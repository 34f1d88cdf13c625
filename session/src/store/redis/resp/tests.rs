//! Replies in every form, cut everywhere, and what is none.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test that cannot go on fails

use proptest::{collection::vec, prelude::*};

use super::*;

/// As a server writes it.
fn bytes(reply: &Reply) -> Vec<u8> {
    let line = |kind: char, text: &str| format!("{kind}{text}\r\n").into_bytes();
    match reply {
        Reply::SimpleString(text) => line('+', std::str::from_utf8(text).unwrap()),
        Reply::Error(error) => line('-', error.text()),
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
pub(in crate::store::redis) fn read<'p>(
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> Result<Vec<Reply>, Malformed> {
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
        "[^\r\n]{0,20}".prop_map(|text| Reply::Error(ServerError::new(&text))),
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

/// RUSTSEC-2017-0006.
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
        assert_eq!(read([b"*2\r\n$1\r\na\r\n", case]), Err(Malformed), "{:?}", String::from_utf8_lossy(case));
    }
    // What is announced is not believed before it is there.
    let mut announced = Replies::default();
    announced.room().extend_from_slice(b"*67108864\r\n$67108000\r\n");
    assert_eq!(announced.next(), Ok(None));
    assert!(announced.room().capacity() <= 2 * BUFFER);
}

#[test]
fn arrays_are_nested_as_deep_as_allowed_and_no_deeper() {
    let nested = |depth: usize| [b"*1\r\n".repeat(depth), b":1\r\n".to_vec()].concat();
    assert_eq!(read([&nested(DEPTH)[..]]).unwrap().len(), 1);
    assert_eq!(read([&nested(DEPTH + 1)[..]]), Err(Malformed));
    assert_eq!(read([&nested(1_000_000)[..]]), Err(Malformed));
}

#[test]
fn a_reply_has_as_many_elements_as_allowed_and_no_more() {
    let array = |length: usize| [format!("*{length}\r\n").into_bytes(), b"+\r\n".repeat(length)].concat();
    assert_eq!(read(array(ELEMENTS - 1).chunks(100_000)).unwrap().len(), 1);
    assert_eq!(read(array(ELEMENTS).chunks(100_000)), Err(Malformed));
}

#[test]
fn commands_are_arrays_of_their_words() {
    let mut commands = Commands::one(&["PING"]);
    commands.add(&["SET", "a\r\n"], &["".into(), "0123456789".into()]);
    let expected = "*1\r\n$4\r\nPING\r\n*4\r\n$3\r\nSET\r\n$3\r\na\r\n\r\n$0\r\n\r\n$10\r\n0123456789\r\n";
    assert_eq!((String::from_utf8(commands.bytes).unwrap().as_str(), commands.count), (expected, 2));
}

#[test]
fn the_code_of_an_error_is_its_first_word() {
    let codes = ["MOVED 1 a:2", "OOM", ""].map(|text| ServerError::new(text).code().to_owned());
    assert_eq!(codes, ["MOVED", "OOM", ""]);
}
