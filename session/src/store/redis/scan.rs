//! Going through the selectors of all records, a page at a time.
//!
//! In: where the last page ended, as a server and that server's cursor. Out: one page of [`Scanned`]. Never sends more than one
//! command for a page.

use super::{failure::Failure, layout, open::glob, reply::unexpected, resp::Reply, store::RedisStore};
use crate::{
    id::public::PublicId,
    store::{
        error::{StoreError, StoreErrorKind},
        scan::{Cursor, Scanned},
    },
};

/// The cursor with which a server begins, and which it returns at the end.
const BEGINNING: &str = "0";

impl RedisStore {
    /// One page from one server. The servers are scanned one after the other, in the order of their names.
    pub(super) async fn scan_page(&self, from: Option<&Cursor>, limit: u32) -> Result<Scanned, StoreError> {
        let mut servers = self.driver.masters().await.map_err(Failure::of_read)?;
        servers.sort_by_key(ToString::to_string);
        let (cursor, name) = match from {
            None => (BEGINNING, servers.first().map(ToString::to_string).unwrap_or_default()),
            Some(from) => {
                from.as_str().split_once(' ').map_or((BEGINNING, String::new()), |(c, n)| (c, n.to_owned()))
            }
        };
        let mut rest = servers.into_iter().skip_while(|server| server.to_string() != name);
        // If the server was replaced, its successor does not know this cursor, and may sort before servers that were scanned already.
        let server = rest.next().ok_or_else(servers_changed)?;
        let (pattern, count) = (format!("{}*", glob(&self.record_prefix())), limit.max(1).to_string());
        let scan = ["SCAN", cursor, "MATCH", &pattern, "COUNT", &count];
        let Reply::Array(answer) = self.driver.ask(&server, &scan).await.map_err(Failure::of_read)? else {
            return Err(unexpected());
        };
        let [cursor, Reply::Array(found)] = answer.as_slice() else { return Err(unexpected()) };
        let cursor = layout::text(cursor).ok_or_else(unexpected)?;
        let selector = |key| {
            layout::text(key)?.strip_prefix(&self.record_prefix())?.parse().ok().map(PublicId::selector)
        };
        let next = if cursor == BEGINNING { rest.next() } else { Some(server) };
        let next = next.map(|server| Cursor::new(format!("{cursor} {server}")));
        Ok(Scanned::new(found.iter().filter_map(selector).collect(), next))
    }
}

fn servers_changed() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable)
        .with_source("the Redis servers changed during the scan; begin it again")
}
