//! The keys of all records, some at a time.
//!
//! In: where the last answer ended: a server, and its own cursor. Out: keys, and where to go on. Never: more than one command.

use redis::Value;

use super::{failure::Failure, layout, reply::strange, store::RedisStore};
use crate::{
    id::public::PublicId,
    store::{
        error::{StoreError, StoreErrorKind},
        scan::{Cursor, Scanned},
    },
};

/// What a server calls the beginning, and the end.
const BEGINNING: &str = "0";

impl RedisStore {
    /// Some of the keys of one server; all servers take their turns, in the order of their names.
    pub(super) async fn scan_some(&self, from: Option<&Cursor>, limit: u32) -> Result<Scanned, StoreError> {
        let mut servers = self.driver.masters().await.map_err(Failure::of_read)?;
        servers.sort_by_key(ToString::to_string);
        let (cursor, name) = match from {
            None => (BEGINNING, servers.first().map(ToString::to_string).unwrap_or_default()),
            Some(from) => {
                from.as_str().split_once(' ').map_or((BEGINNING, String::new()), |(c, n)| (c, n.to_owned()))
            }
        };
        let mut rest = servers.into_iter().skip_while(|server| server.to_string() != name);
        // Its successor has another cursor, and may stand among those that were passed.
        let server = rest.next().ok_or_else(moved)?;
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor)
            .arg("MATCH")
            .arg(format!("{}*", glob(&self.key_prefix())))
            .arg("COUNT")
            .arg(limit.max(1));
        let Value::Array(answer) = self.driver.ask(&server, &scan).await.map_err(Failure::of_read)? else {
            return Err(strange());
        };
        let [cursor, Value::Array(found)] = answer.as_slice() else { return Err(strange()) };
        let cursor = layout::text(cursor).ok_or_else(strange)?;
        let key = |found| {
            layout::text(found)?.strip_prefix(&self.key_prefix())?.parse().ok().map(PublicId::selector)
        };
        let next = if cursor == BEGINNING { rest.next() } else { Some(server) };
        let next = next.map(|server| Cursor::new(format!("{cursor} {server}")));
        Ok(Scanned::new(found.iter().filter_map(key).collect(), next))
    }
}

/// The servers are not those with which the scan began.
fn moved() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable)
        .with_source("the Redis servers changed during the scan; begin it again")
}

/// A pattern that matches just this text.
fn glob(text: &str) -> String {
    let special = |character| matches!(character, '*' | '?' | '[' | ']' | '\\');
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_prefix_is_no_pattern() {
        assert_eq!(super::glob(r"a*[b]?\:s:"), r"a\*\[b\]\?\\:s:");
    }
}
