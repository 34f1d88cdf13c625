//! The table: its version, and how it is created and migrated.
//!
//! In: a name and a connection. Out: a table of this layout, or [`OpenError`]. Never changes a table that holds something else, or that a
//! later release wrote.

use std::sync::Arc;

use sqlx::{Row as _, mysql::MySqlRow};
use tokio::time::Instant;

use super::{
    connections::{Connections, is_read_only},
    failure::{COLUMN_EXISTS, DENIED, Failure, NO_TABLE, TABLE_EXISTS},
    open_error::OpenError,
};
use crate::store::{home::Leases as _, reach::NoLease};

/// The layout of the table below.
const LAYOUT: u32 = 2;

/// How the comment of the table begins. It says which layout the table has, and the oldest layout whose releases can use it. Unlike a row of
/// another table, it is written in the same atomic step as the columns: MySQL has no transaction around such statements.
const MARK: &str = "COMMENT='actix-typed-session layout ";

/// The statements that make each layout from the one before. A release that changes the table appends to this list, and never edits it. Each
/// one writes the comment. A migration that only adds columns with defaults leaves `readable from` as it is (G5).
///
/// The columns are what is looked up; the rest of a record is in its texts. `principal` is a SHA-256, because principals are of any length.
/// Its index has the selectors too, by which a list is divided into pages.
const MIGRATIONS: [&str; 2] = [
    "
    CREATE TABLE {table} (
        selector BINARY(16) NOT NULL PRIMARY KEY,
        expires BIGINT UNSIGNED NOT NULL,
        principal BINARY(32),
        meta MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
        cells MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
        KEY by_expires (expires),
        KEY by_principal (principal, selector)
    ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC COMMENT = 'actix-typed-session layout 1, readable from 1'
",
    // When the session signed in, in the order in which a maximum ends sessions. The column is computed, so a release that does not know it
    // keeps it true.
    "
    ALTER TABLE {table}
        ADD COLUMN since BIGINT UNSIGNED GENERATED ALWAYS AS (CASE WHEN JSON_VALID(meta) THEN CAST(COALESCE(
            JSON_UNQUOTE(JSON_EXTRACT(meta, '$.authenticated')), JSON_UNQUOTE(JSON_EXTRACT(meta, '$.created'))
        ) AS UNSIGNED) END) STORED,
        ADD KEY by_sign_in (principal, since, selector, expires),
        COMMENT = 'actix-typed-session layout 2, readable from 1'
",
];

/// The state of the table.
enum Found {
    Nothing,
    Layout { layout: u32, readable_from: u32 },
    SomethingElse,
}

/// The meaning of a failure to get the first connection.
pub(super) fn no_connection(none: NoLease) -> OpenError {
    match none {
        NoLease::Refused(error) if is_read_only(&error) => OpenError::ReadOnly,
        none => OpenError::Unreachable(Connections::unavailable(none)),
    }
}

/// Creates or migrates the table if needed; returns its name in SQL. Processes may do so at the same time.
pub(super) async fn prepare(connections: &Arc<Connections>, name: &str) -> Result<String, OpenError> {
    let (table, user) = resolve(connections, name).await?;
    let not_allowed = || OpenError::NotAllowed {
        table: table.clone(),
        statement: format!("GRANT CREATE, ALTER, SELECT, INSERT, UPDATE, DELETE ON {table} TO {user}"),
    };
    let mut tried = None;
    loop {
        let from = match look(connections, &table).await {
            Ok(Found::Layout { layout, readable_from }) if readable_from > LAYOUT => {
                return Err(OpenError::TooNew { found: layout, supported: LAYOUT });
            }
            Ok(Found::Layout { layout, .. }) => layout,
            Ok(Found::Nothing) => 0,
            Ok(Found::SomethingElse) => return Err(OpenError::NotSessions(table)),
            // Who may do nothing with a table is not told whether there is one.
            Err(failure) if failure.refusal() == Some(DENIED) => return Err(not_allowed()),
            Err(failure) => return Err(engine(failure)),
        };
        let Some(migration) = usize::try_from(from).ok().and_then(|from| MIGRATIONS.get(from)) else { break };
        match run(connections, migration.replace("{table}", &table)).await {
            Err(failure) if failure.refusal() == Some(DENIED) => return Err(not_allowed()),
            // If another process was faster, what it has made is looked at.
            Err(failure)
                if tried != Some(from) && matches!(failure.refusal(), Some(TABLE_EXISTS | COLUMN_EXISTS)) =>
            {
                tried = Some(from);
            }
            done => done.map(drop).map_err(engine)?,
        }
    }
    match missing_rights(connections, &table).await? {
        missing if missing.is_empty() => Ok(table),
        missing => {
            let statement = format!("GRANT {missing} ON {table} TO {user}");
            Err(OpenError::Rights { table, missing, statement })
        }
    }
}

/// Checks the server; returns the name of the table and that of the user, in SQL.
async fn resolve(connections: &Arc<Connections>, name: &str) -> Result<(String, String), OpenError> {
    const SERVER: &str = "SELECT VERSION(), DATABASE(), CURRENT_USER()";
    let rows = run(connections, SERVER.to_owned()).await.map_err(engine)?;
    let row = rows.first().ok_or(Failure::Refused(sqlx::Error::RowNotFound)).map_err(engine)?;
    let row: (String, String, String) =
        sqlx::FromRow::from_row(row).map_err(|error| engine(Failure::Refused(error)))?;
    let (version, database, user) = row;
    if !is_supported(&version) {
        return Err(OpenError::Server(version));
    }
    let (user, host) = user.rsplit_once('@').unwrap_or((&user, "%"));
    let quoted = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"));
    Ok((format!("`{}`.`{name}`", database.replace('`', "``")), format!("{}@{}", quoted(user), quoted(host))))
}

/// Whether this is MySQL 8.0 or MariaDB 10.6, or later.
fn is_supported(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
    let version_number = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    version_number >= if version.contains("MariaDB") { (10, 6) } else { (8, 0) }
}

async fn look(connections: &Arc<Connections>, table: &str) -> Result<Found, Failure> {
    let rows = match run(connections, format!("SHOW CREATE TABLE {table}")).await {
        Err(failure) if failure.refusal() == Some(NO_TABLE) => return Ok(Found::Nothing),
        rows => rows?,
    };
    let row = rows.first().ok_or(Failure::Refused(sqlx::Error::RowNotFound))?;
    Ok(layout_of(row.try_get(1).map_err(Failure::Refused)?).unwrap_or(Found::SomethingElse))
}

/// The layout of the table that this statement creates.
fn layout_of(create: &str) -> Option<Found> {
    let (layout, readable_from) =
        create.split_once(MARK)?.1.split_once('\'')?.0.split_once(", readable from ")?;
    Some(Found::Layout { layout: layout.parse().ok()?, readable_from: readable_from.parse().ok()? })
}

/// The rights on the table that the user lacks. Only trying shows what comes from roles; the statements change nothing.
async fn missing_rights(connections: &Arc<Connections>, table: &str) -> Result<String, OpenError> {
    let mut missing = Vec::new();
    for (right, sql) in [
        ("SELECT", format!("SELECT selector FROM {table} WHERE FALSE")),
        (
            "INSERT",
            format!(
                "INSERT INTO {table} (selector, expires, principal, meta, cells) SELECT x'', 0, NULL, '', '' FROM DUAL WHERE FALSE"
            ),
        ),
        ("UPDATE", format!("UPDATE {table} SET expires = 0 WHERE FALSE")),
        ("DELETE", format!("DELETE FROM {table} WHERE FALSE")),
    ] {
        match run(connections, sql).await {
            Ok(_) => {}
            Err(failure) if failure.refusal() == Some(DENIED) => missing.push(right),
            Err(failure) => return Err(engine(failure)),
        }
    }
    Ok(missing.join(", "))
}

/// Runs one statement on any connection.
async fn run(connections: &Arc<Connections>, sql: String) -> Result<Vec<MySqlRow>, Failure> {
    let deadline = Instant::now() + connections.wait();
    let lease = connections.lease(deadline).await.map_err(Connections::unavailable)?;
    Ok(lease.run(&[sql]).await?.pop().unwrap_or_default())
}

fn engine(failure: Failure) -> OpenError {
    OpenError::Engine(failure.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        for supported in
            ["8.0.36", "8.4.0-log", "9.1.0", "10.6.0-MariaDB", "10.11.19-MariaDB-0+deb12u1", "11.4.2-MariaDB"]
        {
            assert!(is_supported(supported), "{supported}");
        }
        for old in ["5.7.44", "10.5.9-MariaDB", "5.5.68-MariaDB", "", "unknown"] {
            assert!(!is_supported(old), "{old}");
        }
    }
}
