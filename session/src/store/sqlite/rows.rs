//! Records as rows.
//!
//! In: a connection, and a selector or a principal. Out: records, or rows written. Never begins or ends a transaction, and never writes a
//! cell that a change does not name.

use sqlx::{
    Row, Sqlite, SqliteConnection,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

use super::connections::before_commit;
use crate::{
    id::public::Selector,
    record::{
        apply::Record,
        cell::{Cell, WireKey},
        change::Change,
        meta::{Meta, Principal, Unreadable},
        stored::StoredCells,
        time::Timestamp,
    },
    store::{
        error::{StoreError, StoreErrorKind},
        index::{Listed, Page},
    },
};

/// How many sessions of a principal one transaction ends: it takes about 10 ms, in which nobody else writes.
pub(super) const AT_ONCE: usize = 512;

/// One statement, so that meta and cells belong to the same moment. Meta is the row without a wire key. No release writes a value larger than
/// 16 MiB, so such a value is damaged and is not read into memory.
const LOAD: &str = "SELECT NULL, iif(octet_length(meta) > 16777216, NULL, meta) FROM session WHERE selector = ?1 \
    UNION ALL \
    SELECT wire_key, iif(octet_length(cell) > 16777216, NULL, cell) FROM cell WHERE session = ?1";

const OF_PRINCIPAL: &str = "SELECT selector, iif(octet_length(meta) > 16777216, NULL, meta) FROM session WHERE principal = ?1 AND expires > ?2";

/// The oldest sign-ins. The index has the same expression, in this order.
const OLDEST: &str = "SELECT selector FROM session WHERE principal = ?1 AND expires > ?2 AND selector <> ?3 ORDER BY \
    CASE WHEN json_valid(meta) THEN CAST(coalesce(meta ->> 'authenticated', meta ->> 'created') AS INTEGER) END, \
    selector LIMIT ?4";

/// The index of principals has the selectors in it, in order.
const PAGE: &str = "SELECT selector, iif(octet_length(meta) > 16777216, NULL, meta) FROM session \
    WHERE principal = ?1 AND selector > ?2 ORDER BY selector LIMIT ?3";

const SELECTORS: &str = "SELECT selector FROM session WHERE selector > ?1 ORDER BY selector LIMIT ?2";

/// Of the index alone: reading 100,000 rows would take half a second.
const COUNT: &str = "SELECT count(*) FROM session WHERE principal = ?1 AND expires > ?2 AND selector <> ?3";

const SOME: &str = "SELECT selector, expires > ?3 FROM session WHERE principal = ?1 AND selector > ?2 ORDER BY selector LIMIT ?4";

const DELETE_SOME: &str = "DELETE FROM session WHERE principal = ?1 AND selector > ?2 AND selector <= ?3 AND (?4 IS NULL OR selector <> ?4)";

const ANY: &str =
    "SELECT 1 FROM session WHERE selector = ?1 UNION ALL SELECT 1 FROM cell WHERE session = ?1 LIMIT 1";

const INSERT: &str = "INSERT INTO session (selector, meta, expires, principal) VALUES (?1, ?2, ?3, ?4)";

const UPDATE: &str = "UPDATE session SET meta = ?2, expires = ?3, principal = ?4 WHERE selector = ?1";

const WRITE_CELL: &str = "INSERT INTO cell (session, wire_key, cell) VALUES (?1, ?2, ?3) \
    ON CONFLICT (session, wire_key) DO UPDATE SET cell = excluded.cell";

const DELETE_CELL: &str = "DELETE FROM cell WHERE session = ?1 AND wire_key = ?2";

/// A trigger deletes the cells with their session. This deletes cells whose session is missing.
const DELETE_CELLS: &str = "DELETE FROM cell WHERE session = ?1";

const DELETE: &str = "DELETE FROM session WHERE selector = ?1";

const SWEEP: &str = "DELETE FROM session WHERE selector IN (SELECT selector FROM session WHERE expires <= ?1 ORDER BY expires LIMIT ?2)";

type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

pub(super) struct Rows<'c> {
    connection: &'c mut SqliteConnection,
    selector: &'c Selector,
}

impl<'c> Rows<'c> {
    pub(super) fn of(connection: &'c mut SqliteConnection, selector: &'c Selector) -> Self {
        Self { connection, selector }
    }

    async fn run(&mut self, statement: Statement<'_>) -> Result<u64, StoreError> {
        let done = statement.execute(&mut *self.connection).await.map_err(before_commit)?;
        Ok(done.rows_affected())
    }

    fn bound(&self, sql: &'static str) -> Statement<'static> {
        sqlx::query(sql).bind(self.selector.as_bytes().to_vec())
    }

    /// The record, expired or not.
    pub(super) async fn load(&mut self) -> Result<Option<Record>, StoreError> {
        let rows = self.bound(LOAD).fetch_all(&mut *self.connection).await.map_err(before_commit)?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut meta = None;
        let mut cells = StoredCells::with_capacity(rows.len());
        for row in &rows {
            let value = text(row, 1)?.ok_or(Unreadable::Garbage)?;
            match text(row, 0)? {
                None => meta = Some(Meta::from_text(value)?),
                Some(wire_key) => cells.push(wire_key.as_bytes(), value.as_bytes()),
            }
        }
        let meta = meta.ok_or(Unreadable::Garbage)?;
        Ok(Some(cells.into_record(meta)?))
    }

    /// Whether anything is stored under the selector, readable or not.
    pub(super) async fn any(&mut self) -> Result<bool, StoreError> {
        let row = self.bound(ANY).fetch_optional(&mut *self.connection).await.map_err(before_commit)?;
        Ok(row.is_some())
    }

    pub(super) async fn insert(&mut self, record: &Record) -> Result<(), StoreError> {
        self.write_meta(INSERT, record.meta()).await?;
        for (key, cell) in record.cells() {
            self.write_cell(key, cell).await?;
        }
        Ok(())
    }

    /// Writes meta, and the cells that `change` names (G8). `next` is the record after the change.
    pub(super) async fn write(&mut self, change: &Change, next: &Record) -> Result<(), StoreError> {
        self.write_meta(UPDATE, next.meta()).await?;
        if change.anew {
            let statement = self.bound(DELETE_CELLS);
            self.run(statement).await?;
        }
        for key in &change.delete {
            let statement = self.bound(DELETE_CELL).bind(key.as_str().to_owned());
            self.run(statement).await?;
        }
        for write in &change.write {
            if let Some(cell) = next.cell(write.key.as_str()) {
                self.write_cell(&write.key, cell).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn delete(&mut self) -> Result<(), StoreError> {
        for sql in [DELETE, DELETE_CELLS] {
            let statement = self.bound(sql);
            self.run(statement).await?;
        }
        Ok(())
    }

    async fn write_meta(&mut self, sql: &'static str, meta: &Meta) -> Result<(), StoreError> {
        let text = meta
            .to_text()
            .map_err(|error| StoreError::new(StoreErrorKind::Unavailable).with_source(error))?;
        let principal = meta.principal.as_ref().map(|principal| principal.as_str().to_owned());
        let statement = self.bound(sql).bind(text).bind(integer(meta.expires())).bind(principal);
        self.run(statement).await.map(|_| ())
    }

    async fn write_cell(&mut self, key: &WireKey, cell: &Cell) -> Result<(), StoreError> {
        let statement = self.bound(WRITE_CELL).bind(key.as_str().to_owned()).bind(cell.to_text());
        self.run(statement).await.map(|_| ())
    }
}

/// Deletes up to `limit` expired records, and returns how many.
pub(super) async fn sweep(
    connection: &mut SqliteConnection,
    now: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    let statement = sqlx::query(SWEEP).bind(integer(now)).bind(i64::from(limit));
    Ok(statement.execute(connection).await.map_err(before_commit)?.rows_affected())
}

/// Up to `limit` selectors in ascending order, after `last`.
pub(super) async fn selectors(
    connection: &mut SqliteConnection,
    last: Option<Selector>,
    limit: u32,
) -> Result<Vec<Selector>, StoreError> {
    let last = last.map(|selector| selector.as_bytes().to_vec()).unwrap_or_default();
    let statement = sqlx::query(SELECTORS).bind(last).bind(i64::from(limit));
    let rows = statement.fetch_all(connection).await.map_err(before_commit)?;
    Ok(rows.iter().filter_map(selector).collect())
}

/// The live sessions of `principal`, the oldest sign-in first, without those that cannot be read.
pub(super) async fn of_principal(
    connection: &mut SqliteConnection,
    principal: &Principal,
    now: Timestamp,
) -> Result<Vec<Listed>, StoreError> {
    let statement = sqlx::query(OF_PRINCIPAL).bind(principal.as_str().to_owned()).bind(integer(now));
    let rows = statement.fetch_all(connection).await.map_err(before_commit)?;
    let mut list: Vec<_> = rows.iter().filter_map(listed).filter(|one| one.meta.expires() > now).collect();
    Listed::sort_oldest_first(&mut list);
    Ok(list)
}

/// Up to `limit` live sessions of `principal` but `except`, the oldest sign-in first.
pub(super) async fn oldest(
    connection: &mut SqliteConnection,
    principal: &Principal,
    except: &Selector,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Selector>, StoreError> {
    let statement = sqlx::query(OLDEST)
        .bind(principal.as_str().to_owned())
        .bind(integer(now))
        .bind(except.as_bytes().to_vec())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let rows = statement.fetch_all(connection).await.map_err(before_commit)?;
    Ok(rows.iter().filter_map(selector).collect())
}

/// Up to `limit` sessions of `principal` after `after`, without those that have ended or cannot be read.
pub(super) async fn page(
    connection: &mut SqliteConnection,
    principal: &Principal,
    after: Option<&Selector>,
    limit: u32,
    now: Timestamp,
) -> Result<Page, StoreError> {
    let limit = limit.max(1);
    let after = after.map(|selector| selector.as_bytes().to_vec()).unwrap_or_default();
    let statement = sqlx::query(PAGE).bind(principal.as_str().to_owned()).bind(after).bind(i64::from(limit));
    let rows = statement.fetch_all(connection).await.map_err(before_commit)?;
    let sessions = rows.iter().filter_map(listed).filter(|one| one.meta.expires() > now).collect();
    Ok(Page::in_order(&rows, usize::try_from(limit).unwrap_or(usize::MAX), selector, sessions))
}

/// How many live sessions `principal` has but `except`, readable or not.
pub(super) async fn count(
    connection: &mut SqliteConnection,
    principal: &Principal,
    except: Option<&Selector>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let except = except.map(|selector| selector.as_bytes().to_vec()).unwrap_or_default();
    let statement = sqlx::query(COUNT).bind(principal.as_str().to_owned()).bind(integer(now)).bind(except);
    let counted = statement.fetch_one(connection).await.map_err(before_commit)?;
    let all: i64 = counted.try_get(0).map_err(before_commit)?;
    Ok(u64::try_from(all).unwrap_or_default())
}

fn listed(row: &SqliteRow) -> Option<Listed> {
    let meta = Meta::from_text(row.try_get(1).ok()?).ok()?;
    Some(Listed::new(selector(row)?, meta))
}

fn selector(row: &SqliteRow) -> Option<Selector> {
    let bytes: &[u8] = row.try_get(0).ok()?;
    Some(Selector::from_bytes(bytes.try_into().ok()?))
}

/// Deletes some sessions of `principal` after `after`, except `except`, readable or not. Returns how many of them were live, and the selector
/// to go on after, if there may be more.
pub(super) async fn delete_some(
    connection: &mut SqliteConnection,
    principal: &Principal,
    after: Option<&Selector>,
    except: Option<&Selector>,
    now: Timestamp,
) -> Result<(u64, Option<Selector>), StoreError> {
    let bytes = |selector: &Selector| selector.as_bytes().to_vec();
    let (principal, after) = (principal.as_str().to_owned(), after.map(bytes).unwrap_or_default());
    let some = sqlx::query(SOME).bind(principal.clone()).bind(after.clone()).bind(integer(now));
    let limit = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
    let rows = some.bind(limit).fetch_all(&mut *connection).await.map_err(before_commit)?;
    let Some(last) = rows.last().and_then(selector) else { return Ok((0, None)) };
    let mut live = 0;
    for row in rows.iter().filter(|row| except.is_none_or(|except| selector(row).as_ref() != Some(except))) {
        live += u64::from(row.try_get::<bool, _>(1).map_err(before_commit)?);
    }
    let delete = sqlx::query(DELETE_SOME).bind(principal).bind(after).bind(bytes(&last));
    delete.bind(except.map(bytes)).execute(connection).await.map_err(before_commit)?;
    Ok((live, Some(last).filter(|_| rows.len() == AT_ONCE)))
}

fn text(row: &SqliteRow, column: usize) -> Result<Option<&str>, StoreError> {
    row.try_get(column).map_err(before_commit)
}

/// A time as SQLite's signed integer, which is enough for a column that only finds expired records.
fn integer(at: Timestamp) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use sqlx::Connection as _;

    use super::*;
    use crate::store::sqlite::layout::MIGRATIONS;

    /// How SQLite finds what a statement asks for. It estimates nothing from what is stored, so the plan is the same for any file.
    async fn plan(connection: &mut SqliteConnection, sql: &str) -> Result<String, sqlx::Error> {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let rows = sqlx::query(explain).fetch_all(connection).await?;
        Ok(rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("; "))
    }

    /// No statement about a user with many sessions reads more of them than it answers with, or than it ends; none sorts them.
    #[tokio::test]
    async fn statements_about_a_principal_use_its_indexes() -> Result<(), sqlx::Error> {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await?;
        for migration in MIGRATIONS {
            sqlx::raw_sql(migration).execute(&mut connection).await?;
        }
        assert_eq!(
            plan(&mut connection, OLDEST).await?,
            "SEARCH session USING COVERING INDEX session_by_sign_in (principal=?)"
        );
        assert_eq!(
            plan(&mut connection, PAGE).await?,
            "SEARCH session USING INDEX session_by_principal (principal=? AND selector>?)"
        );
        assert_eq!(
            plan(&mut connection, COUNT).await?,
            "SEARCH session USING COVERING INDEX session_by_sign_in (principal=?)"
        );
        assert_eq!(
            plan(&mut connection, SOME).await?,
            "SEARCH session USING INDEX session_by_principal (principal=? AND selector>?)"
        );
        Ok(())
    }
}
