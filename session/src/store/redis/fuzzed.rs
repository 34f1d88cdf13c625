//! Replies of any bytes, from whatever answers in place of Redis.

#![allow(clippy::unwrap_used)] // in a test this is how to fail

use super::{
    layout, reply,
    resp::{Reply, tests::read},
};
use crate::{fuzz::fuzz, record::apply::Record};

/// Wherever the network cuts a reply, it is the same; and what it says is a record, or an error.
#[test]
fn fuzz_replies_of_redis() {
    let words: [&[u8]; 12] = [
        b"\r\n",
        b"*2\r\n",
        b"$2\r\n",
        b"$-1\r\n",
        b":1\r\n",
        b"+OK\r\n",
        b"-ERR ",
        b"@h",
        b"@m",
        b"@v",
        b"1 ",
        b"9999999999",
    ];
    fuzz("redis-reply", &words, |input| {
        let whole = read([input]);
        for size in [1, 2, 7] {
            let pieces = read(input.chunks(size));
            assert_eq!(pieces, whole, "in pieces of {size}");
        }
        let Ok(replies) = whole else { return };
        for answer in [layout::timed(&replies), layout::conflict(&replies)].into_iter().flatten().flatten() {
            let cells: &[_] = Record::cells(&answer.record);
            assert!(cells.is_sorted_by(|(a, _), (b, _)| a < b));
            assert!(!answer.record.is_expired(answer.now), "an expired record was loaded");
        }
        for one in replies {
            if let Reply::Array(parts) = &one {
                let (_, _) = (layout::timed(parts).is_ok(), layout::conflict(parts).is_ok());
            }
            if let Ok((_, rest)) = reply::status(one) {
                let _ = layout::conflict(&rest).is_ok();
            }
        }
    });
}
