//! The statements.
//!
//! In: the name of the table, and values. Out: SQL. Never puts a value into a statement but as a number or as hexadecimal digits, in which
//! nothing can be hidden.
//!
//! They are text, not prepared statements, so that several of them fit into one message, and one round trip.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::{
    id::public::Selector,
    record::{
        apply::Record,
        change::{MaxSessions, WhenFull},
        meta::Principal,
        stored,
    },
    store::error::{StoreError, StoreErrorKind},
};

/// Milliseconds since the Unix epoch, when the statement began. A statement that only reads takes its snapshot later: with a later time, a
/// row that was touched in the meantime would look expired.
pub(super) const NOW: &str =
    "CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000 AS UNSIGNED)";

/// How many sessions of a principal one message ends: it is no larger than servers accept, and does not take long.
pub(super) const AT_ONCE: usize = 1024;

pub(super) struct Statements {
    /// The name of the table in SQL.
    table: String,
}

impl Statements {
    /// The statements on `table`, a quoted name.
    pub(super) fn on(table: String) -> Self {
        Self { table }
    }

    pub(super) fn table(&self) -> &str {
        &self.table
    }

    pub(super) fn load(&self, selector: &Selector) -> String {
        let (table, selector) = (&self.table, bytes(selector.as_bytes()));
        format!("SELECT {NOW}, meta, cells FROM {table} WHERE selector = {selector} AND expires > {NOW}")
    }

    /// The row under `selector`, locked. At READ COMMITTED it is the latest one that was committed, so a conflict answers with exactly the
    /// record that its guards were compared with (G2).
    pub(super) fn hold(&self, selector: &Selector) -> String {
        let (table, selector) = (&self.table, bytes(selector.as_bytes()));
        format!("SELECT meta, cells, principal FROM {table} WHERE selector = {selector} FOR UPDATE")
    }

    pub(super) fn insert(&self, selector: &Selector, record: &Record) -> Result<String, StoreError> {
        let (table, selector) = (&self.table, bytes(selector.as_bytes()));
        let (columns, cells) = (columns(record)?, cells(record)?);
        Ok(format!("INSERT INTO {table} SET selector = {selector}, {columns}, cells = {cells}"))
    }

    /// Writes a record, whose cells may have changed or not.
    pub(super) fn update(
        &self,
        selector: &Selector,
        record: &Record,
        with_cells: bool,
    ) -> Result<String, StoreError> {
        let (table, selector) = (&self.table, bytes(selector.as_bytes()));
        let columns = columns(record)?;
        // Large cells are stored apart from their row, and would be written again.
        let cells = if with_cells { format!(", cells = {}", cells(record)?) } else { String::new() };
        Ok(format!("UPDATE {table} SET {columns}{cells} WHERE selector = {selector}"))
    }

    pub(super) fn delete(&self, selector: &Selector) -> String {
        format!("DELETE FROM {} WHERE selector = {}", self.table, bytes(selector.as_bytes()))
    }

    /// One statement for each row: for several rows of a small table, the server would rather read all rows, and wait for those that
    /// others have locked.
    pub(super) fn delete_each(&self, selectors: &[Selector]) -> Vec<String> {
        selectors.iter().map(|selector| self.delete(selector)).collect()
    }

    /// Ends a session of a principal, unless it has become another's.
    pub(super) fn delete_of(&self, principal: &Principal, selector: &Selector) -> String {
        format!("{} AND {}", self.delete(selector), theirs(principal))
    }

    pub(super) fn list(&self, principal: &Principal) -> String {
        format!("SELECT selector, meta FROM {} WHERE {} AND expires > {NOW}", self.table, theirs(principal))
    }

    /// The index has the sessions of a principal in this order, so a page reads no others.
    pub(super) fn page(&self, principal: &Principal, after: Option<&Selector>, limit: u32) -> String {
        let (table, theirs, after) = (&self.table, theirs(principal), bytes_after(after));
        format!(
            "SELECT selector, meta, expires > {NOW} FROM {table} WHERE {theirs} AND selector > {after} \
             ORDER BY selector LIMIT {limit}"
        )
    }

    /// Of an index alone that knows which are live: reading 100,000 rows would take a tenth of a second.
    pub(super) fn count(&self, principal: &Principal) -> String {
        let (table, theirs) = (&self.table, theirs(principal));
        format!("SELECT count(*) FROM {table} FORCE INDEX (by_sign_in) WHERE {theirs} AND expires > {NOW}")
    }

    /// The principal's live sessions but `selector` that have no room beside the new one: all but the latest sign-ins that may stay, the
    /// youngest first. The index has them in this order. For a sign-in that would be refused, the first tells.
    pub(super) fn surplus(&self, principal: &Principal, selector: &Selector, max: MaxSessions) -> String {
        let (table, theirs) = (&self.table, theirs_but(principal, Some(selector)));
        let stay = max.per_user.get() - 1;
        let limit = if max.when_full == WhenFull::RejectNew { 1 } else { AT_ONCE };
        format!(
            "SELECT selector FROM {table} FORCE INDEX (by_sign_in) WHERE {theirs} AND expires > {NOW} \
             ORDER BY since DESC, selector DESC LIMIT {limit} OFFSET {stay}"
        )
    }

    /// Some of a principal's sessions after `after`, and whether each is live. They are locked, so that they are those that
    /// [`end_some`](Self::end_some) ends.
    pub(super) fn hold_some(&self, principal: &Principal, after: Option<&Selector>) -> String {
        let (table, theirs, after) = (&self.table, theirs(principal), bytes_after(after));
        format!(
            "SELECT selector, expires > {NOW} FROM {table} FORCE INDEX (by_principal) WHERE {theirs} AND selector > {after} \
             ORDER BY selector LIMIT {AT_ONCE} FOR UPDATE"
        )
    }

    /// Ends a principal's sessions after `after`, up to `last`, except one.
    pub(super) fn end_some(
        &self,
        principal: &Principal,
        after: Option<&Selector>,
        last: &Selector,
        except: Option<&Selector>,
    ) -> String {
        let (table, theirs) = (&self.table, theirs_but(principal, except));
        let (after, last) = (bytes_after(after), bytes(last.as_bytes()));
        format!(
            "DELETE t FROM {table} AS t FORCE INDEX (by_principal) WHERE {theirs} AND selector > {after} AND selector <= {last}"
        )
    }

    pub(super) fn scan(&self, after: Option<&Selector>, limit: u32) -> String {
        let (table, after) = (&self.table, bytes_after(after));
        format!("SELECT selector FROM {table} WHERE selector > {after} ORDER BY selector LIMIT {limit}")
    }

    /// Expired rows, locked. A row that another transaction holds is left for the next sweep.
    pub(super) fn hold_dead(&self, limit: u32) -> String {
        let table = &self.table;
        format!(
            "SELECT selector FROM {table} FORCE INDEX (by_expires) WHERE expires <= {NOW} ORDER BY expires LIMIT {limit} \
             FOR UPDATE SKIP LOCKED"
        )
    }

    /// Waits until it is this principal's turn among all processes. The answer is 1, unless that takes too long.
    ///
    /// The lock is not of the transaction, so that the statement that counts sessions takes its snapshot after it was granted. It ends when
    /// it is released, or with the connection.
    pub(super) fn take_turn(&self, principal: &Principal) -> String {
        // A server has one name space for all databases, and at most 64 characters.
        format!("SELECT GET_LOCK('{}', 3)", digits(self.turn_of(principal).get(..24).unwrap_or_default()))
    }

    /// The number of this principal's turn within this process.
    pub(super) fn turn(&self, principal: &Principal) -> i64 {
        self.turn_of(principal).first_chunk().map_or(0, |first| i64::from_be_bytes(*first))
    }

    fn turn_of(&self, principal: &Principal) -> [u8; 32] {
        let mut hash = Sha256::new_with_prefix(self.table.as_bytes());
        hash.update(digest(principal));
        hash.finalize().into()
    }
}

/// The rows of one principal. Principals are of any length; their digests fit into an index.
fn theirs(principal: &Principal) -> String {
    format!("principal = {}", bytes(&digest(principal)))
}

fn theirs_but(principal: &Principal, except: Option<&Selector>) -> String {
    let but = except.map(|selector| format!(" AND selector <> {}", bytes(selector.as_bytes())));
    theirs(principal) + &but.unwrap_or_default()
}

/// What a row has in the column `principal`.
pub(super) fn digest(principal: &Principal) -> [u8; 32] {
    Sha256::digest(principal.as_str().as_bytes()).into()
}

fn columns(record: &Record) -> Result<String, StoreError> {
    let meta = record.meta();
    let text = text(&meta.to_text().map_err(unwritable)?);
    let principal = meta.principal.as_ref().map_or_else(|| "NULL".to_owned(), |one| bytes(&digest(one)));
    Ok(format!("meta = {text}, expires = {}, principal = {principal}", meta.expires().as_millis()))
}

fn cells(record: &Record) -> Result<String, StoreError> {
    Ok(text(&stored::cells_to_object(record).map_err(unwritable)?))
}

fn unwritable(error: serde_json::Error) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable).with_source(error)
}

fn bytes_after(selector: Option<&Selector>) -> String {
    bytes(selector.map_or(&[][..], |selector| selector.as_bytes()))
}

fn bytes(bytes: &[u8]) -> String {
    format!("x'{}'", digits(bytes))
}

fn text(text: &str) -> String {
    format!("_utf8mb4 x'{}'", digits(text.as_bytes()))
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
