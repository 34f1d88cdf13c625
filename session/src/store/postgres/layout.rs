//! The tables: their version, and how they are created and migrated.
//!
//! In: names and a connection. Out: tables of this layout, or [`OpenError`]. Never changes a table that holds something else, or that a later
//! release wrote.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Row as _, SqlSafeStr as _, postgres::PgRow};

use super::{
    connections::{Call, Connections, Lease, STATEMENT, Statement},
    dial::is_standby,
    failure::{Failure, code},
    names::{Names, Tables},
    open_error::OpenError,
    rows::Values,
};
use crate::store::{home::Leases as _, reach::NoLease};

/// The layout of the tables below.
const LAYOUT: i32 = 2;

/// How long one migration may take: creating an index on a large table is slow.
const LONGEST_MIGRATION: Duration = Duration::from_secs(10 * 60);

/// The statements that make each layout from the one before. A release that changes the tables appends to this list, and never edits it.
/// `readable_from` is the oldest layout whose releases can use the tables; a migration that only adds columns with defaults leaves it
/// as it is (G5).
///
/// A touch changes `expires`, which is indexed, so it writes to every index. Other writes change no indexed column, and the room that
/// `fillfactor` leaves keeps them within one page. The index of principals has their hashes, which
/// allows principals of any length, and the selectors, by which a list is divided into pages.
const MIGRATIONS: [&str; 2] = [
    r#"
    CREATE TABLE {table} (
        selector bytea NOT NULL PRIMARY KEY,
        format integer NOT NULL,
        verifier bytea NOT NULL,
        generation bigint NOT NULL,
        revision bigint NOT NULL,
        created bigint NOT NULL,
        touched bigint NOT NULL,
        renewed bigint NOT NULL,
        authenticated bigint,
        signed_in bigint NOT NULL,
        idle numeric(20) NOT NULL,
        absolute numeric(20) NOT NULL,
        persistent boolean NOT NULL,
        principal text COLLATE "C",
        label bytea,
        cells jsonb NOT NULL,
        expires bigint NOT NULL
    ) WITH (fillfactor = 80);
    CREATE INDEX {expires} ON {table} (expires);
    CREATE INDEX {principal} ON {table} (hashtextextended(principal, 0), selector) WHERE principal IS NOT NULL;
    CREATE TABLE {layout} (layout integer NOT NULL, readable_from integer NOT NULL);
    INSERT INTO {layout} VALUES (1, 1);
"#,
    // In the order in which a maximum ends sessions. It may be there already: whoever has many sessions makes it with CREATE INDEX CONCURRENTLY,
    // which lets others write meanwhile.
    "
    CREATE INDEX IF NOT EXISTS {sign_ins} ON {table}
        (hashtextextended(principal, 0), coalesce(authenticated, created), selector) WHERE principal IS NOT NULL;
    UPDATE {layout} SET layout = 2;
",
];

/// The state of the tables.
enum Found {
    Nothing,
    Layout { layout: i32, readable_from: i32 },
    SomethingElse,
}

/// Creates or migrates the tables if needed. Processes that do so at the same time take turns.
pub(super) async fn prepare(mut lease: Lease, names: Names) -> Result<Tables, OpenError> {
    begin(&mut lease, "").await?;
    let tables = resolve(&mut lease, names).await?;
    let found = look(&mut lease, &tables).await;
    if let Ok(Found::Layout { layout: LAYOUT.., readable_from: ..=LAYOUT }) = found {
        check(&mut lease, &tables).await?;
        run(&mut lease, "COMMIT").await?;
        lease.give_back();
        return Ok(tables);
    }
    // Anything else is inspected again under a lock, when no other process changes it. An error above is not final either.
    run(&mut lease, "ROLLBACK").await?;
    let alone = format!(
        "; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
         SELECT pg_advisory_xact_lock({})",
        tables.lock(&["layout"])
    );
    begin(&mut lease, &alone).await?;
    let from = match look(&mut lease, &tables).await {
        Ok(Found::Nothing) => 0,
        Ok(Found::Layout { layout, readable_from }) if readable_from > LAYOUT => {
            return Err(OpenError::TooNew { found: layout, supported: LAYOUT });
        }
        Ok(Found::Layout { layout, .. }) => layout,
        Ok(Found::SomethingElse) => return Err(OpenError::NotSessions(tables.table)),
        Err(error) => {
            // Who may not read a table is told what to grant, if that is all.
            run(&mut lease, "ROLLBACK").await?;
            begin(&mut lease, "").await?;
            check(&mut lease, &tables).await?;
            return Err(OpenError::Engine(error.into()));
        }
    };
    if from > 0 {
        check(&mut lease, &tables).await?;
    }
    for migration in MIGRATIONS.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)) {
        let sql = migration
            .replace("{table}", &tables.table)
            .replace("{layout}", &tables.layout)
            .replace("{expires}", &tables.expires)
            .replace("{principal}", &tables.principal)
            .replace("{sign_ins}", &tables.sign_ins);
        if let Err(failure) = lease.run_plain(AssertSqlSafe(sql).into_sql_str(), LONGEST_MIGRATION).await {
            return Err(match failure {
                Failure::Refused(error) if code(&error).is_some_and(|code| code == "42501") => {
                    if from > 0 {
                        OpenError::NotOwner(tables.table)
                    } else {
                        OpenError::NotAllowed(tables.table)
                    }
                }
                failure => OpenError::Engine(failure.into()),
            });
        }
    }
    run(&mut lease, "COMMIT").await?;
    lease.give_back();
    Ok(tables)
}

async fn begin(lease: &mut Lease, more: &str) -> Result<(), OpenError> {
    lease.begin(more, LONGEST_MIGRATION).await.map_err(|failure| OpenError::Engine(failure.into()))
}

async fn run(lease: &mut Lease, sql: &'static str) -> Result<(), OpenError> {
    let done = lease.run_plain(sql.into_sql_str(), LONGEST_MIGRATION).await;
    done.map(|_| ()).map_err(|failure| OpenError::Engine(failure.into()))
}

/// Checks the server, and finds the schema of the tables.
async fn resolve(lease: &mut Lease, names: Names) -> Result<Tables, OpenError> {
    const SERVER: &str = "SELECT current_setting('server_version_num')::int, current_setting('server_version'), \
        current_setting('server_encoding'), \
        coalesce(has_schema_privilege(to_regnamespace(quote_ident($1)), 'USAGE'), false)";
    type Server = (i32, String, String, bool);
    let schema = names.schema.or_else(|| lease.schema());
    let ask = async {
        let arguments = Values::none().and(schema.clone()).done()?;
        let rows = lease.run(Call { statement: Statement::once(SERVER), arguments }, STATEMENT).await?;
        let row = rows.first().ok_or(sqlx::Error::RowNotFound).map_err(Failure::Refused)?;
        <Server as sqlx::FromRow<'_, PgRow>>::from_row(row).map_err(Failure::Refused)
    };
    let (version, version_name, encoding, usable) =
        ask.await.map_err(|failure: Failure| OpenError::Engine(failure.into()))?;
    if version < 120_000 {
        return Err(OpenError::Server(version_name));
    }
    if encoding != "UTF8" {
        return Err(OpenError::Encoding(encoding));
    }
    match schema {
        Some(schema) if usable => Ok(Tables::new(&schema, &names.table)),
        schema => Err(OpenError::NoSchema(schema.unwrap_or_default())),
    }
}

/// Checks that nobody who is not trusted anyway owns the tables, because a trigger of theirs would run as the application, and that the
/// user may use them.
async fn check(lease: &mut Lease, tables: &Tables) -> Result<(), OpenError> {
    const OWNER: &str = "SELECT c.oid::regclass::text, o.rolname::text, quote_ident(pg_get_userbyid(n.nspowner)) \
        FROM pg_class c JOIN pg_roles o ON o.oid = c.relowner \
        JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_database d ON d.datname = current_database() \
        WHERE c.oid IN (to_regclass($1), to_regclass($2)) AND NOT (o.rolsuper OR o.oid = d.datdba \
            OR pg_has_role(o.oid, n.nspowner, 'USAGE') OR pg_has_role(o.oid, 'USAGE')) LIMIT 1";
    const MISSING: &str = "SELECT name, string_agg(right_to, ', ' ORDER BY place), quote_ident(current_user) \
        FROM (VALUES (1, $1, 'SELECT'), (2, $1, 'INSERT'), (3, $1, 'UPDATE'), (4, $1, 'DELETE'), (5, $2, 'SELECT')) \
            AS needed (place, name, right_to) \
        WHERE NOT has_table_privilege(to_regclass(name), right_to) GROUP BY name ORDER BY min(place)";
    let wrong = rows(lease, tables, OWNER).await?;
    if let Some((table, owner, trusted)) = wrong.into_iter().next() {
        let statement = format!("ALTER TABLE {table} OWNER TO {trusted}");
        return Err(OpenError::Owner { table, owner, statement });
    }
    let missing = rows(lease, tables, MISSING).await?;
    if missing.is_empty() {
        return Ok(());
    }
    let grants = missing.iter().map(|(name, rights, user)| format!("GRANT {rights} ON {name} TO {user}"));
    let statement = grants.collect::<Vec<_>>().join("; ");
    let mut rights: Vec<_> = missing.iter().flat_map(|(_, rights, _)| rights.split(", ")).collect();
    rights.dedup();
    Err(OpenError::Rights { table: tables.table.clone(), missing: rights.join(", "), statement })
}

/// What a statement about the two tables finds.
async fn rows(
    lease: &mut Lease,
    tables: &Tables,
    sql: &'static str,
) -> Result<Vec<(String, String, String)>, OpenError> {
    let engine = |failure: Failure| OpenError::Engine(failure.into());
    let names = Values::none().and(tables.table.clone()).and(tables.layout.clone());
    let arguments = names.done().map_err(OpenError::Engine)?;
    let rows =
        lease.run(Call { statement: Statement::once(sql), arguments }, STATEMENT).await.map_err(engine)?;
    let row = |row| sqlx::FromRow::from_row(row).map_err(|error| engine(Failure::Refused(error)));
    rows.iter().map(row).collect()
}

async fn look(lease: &mut Lease, tables: &Tables) -> Result<Found, Failure> {
    const WHICH: &str = "SELECT to_regclass($1) IS NOT NULL, to_regclass($2) IS NOT NULL, (SELECT count(*) = 2 FROM pg_attribute \
        WHERE attrelid = to_regclass($2) AND attname IN ('layout', 'readable_from') AND atttypid = 'int4'::regtype)";
    let arguments = Values::none().and(tables.table.clone()).and(tables.layout.clone()).done()?;
    let rows = lease.run(Call { statement: Statement::once(WHICH), arguments }, STATEMENT).await?;
    let row = rows.first().ok_or(Failure::Refused(sqlx::Error::RowNotFound))?;
    let there: (bool, bool, bool) = sqlx::FromRow::from_row(row).map_err(Failure::Refused)?;
    match there {
        (false, false, _) => return Ok(Found::Nothing),
        (true, true, true) => {}
        _ => return Ok(Found::SomethingElse),
    }
    let sql = format!("SELECT layout, readable_from FROM {}", tables.layout);
    let rows = lease
        .run(
            Call { statement: Statement::once(AssertSqlSafe(sql)), arguments: Values::none().done()? },
            STATEMENT,
        )
        .await?;
    match &*rows {
        [row] => Ok(Found::Layout {
            layout: row.try_get(0).map_err(Failure::Refused)?,
            readable_from: row.try_get(1).map_err(Failure::Refused)?,
        }),
        _ => Ok(Found::SomethingElse),
    }
}

/// The meaning of a failure to get the first connection.
pub(super) fn no_connection(none: NoLease) -> OpenError {
    match none {
        NoLease::Refused(error) if is_standby(&error) => OpenError::Standby,
        none => OpenError::Unreachable(Connections::unavailable(none)),
    }
}
