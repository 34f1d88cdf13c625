//! The tables: their names, their version, and how they come about.
//!
//! In: names and a connection. Out: tables of this layout, or [`OpenError`]. Never: a change to a table that holds something
//! else, or that a later release wrote.

use std::{io, time::Duration};

use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, Row as _, SqlSafeStr as _, postgres::PgRow};

use super::{
    connections::{Call, Lease, STATEMENT, Standby},
    failure::{Failure, code},
    rows::Values,
};
use crate::store::error::StoreError;

/// The tables below.
const LAYOUT: i32 = 1;

/// PostgreSQL cuts names at 63 bytes, and an index is called `<table>_principal`.
const LONGEST_NAME: usize = 50;

/// Creating an index on a large table takes its time.
const LONGEST_STEP: Duration = Duration::from_mins(10);

/// Every layout from the one before it. A release that changes tables appends, and never edits. `readable_from` is the oldest
/// layout whose releases can live with the tables: one that only adds columns with defaults leaves it as it is.
///
/// A touch changes `expires`, which has an index, so it writes into every index. Other writes change no indexed column, and the
/// room that `fillfactor` leaves keeps them within one page. Principals are of any length, which a hash index does not mind.
const STEPS: [&str; 1] = [r#"
    CREATE TABLE {table} (
        key bytea NOT NULL PRIMARY KEY,
        format integer NOT NULL,
        verifier bytea NOT NULL,
        previous_verifier bytea,
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
    CREATE INDEX {principal} ON {table} USING hash (principal) WHERE principal IS NOT NULL;
    CREATE TABLE {layout} (layout integer NOT NULL, readable_from integer NOT NULL);
    INSERT INTO {layout} VALUES (1, 1);
"#];

/// Why a database could not be opened. No message holds a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL cannot be understood.
    #[error("not a URL of PostgreSQL; write postgres://user:password@host:port/database")]
    Url,
    /// The password has an `@` that is not written `%40`.
    #[error("the URL of PostgreSQL has two `@`; in a name or a password write it as %40, and `/` as %2F")]
    AtSign,
    /// The URL says something that nobody listens to.
    #[error("the URL of PostgreSQL has a parameter {0:?} that does not exist; there are {known}", known = super::PARAMETERS.join(", "))]
    Parameter(String),
    /// A parameter of the URL has a value that means nothing.
    #[error("the URL of PostgreSQL has a value for `{0}` that means nothing{hint}", hint = hint(.0))]
    Value(String),
    /// A name of a schema or a table is none.
    #[error(
        "{0:?} cannot name a schema or a table; use up to {LONGEST_NAME} ASCII letters, digits and _, and no digit first"
    )]
    Name(String),
    /// The operating system gave no thread for the connections.
    #[error("no thread for the connections to PostgreSQL")]
    Thread(#[source] io::Error),
    /// The server cannot be reached, or did not let us in.
    #[error("no connection to PostgreSQL: {}; see that the server runs, and that the URL is right", why(.0))]
    Unreachable(#[source] StoreError),
    /// The server is a standby, where nothing can be written.
    #[error("the server is a standby; connect to the primary")]
    Standby,
    /// The server is older than PostgreSQL 12.
    #[error("PostgreSQL {0} is too old; version 12 or later is needed")]
    Server(String),
    /// The database cannot hold all text.
    #[error("the database has the encoding {0}; create one with the encoding UTF8")]
    Encoding(String),
    /// The schema is missing.
    #[error(
        "the schema {0:?} does not exist in the database, or may not be used; create it, or grant USAGE on it"
    )]
    NoSchema(String),
    /// A table of this name is something else; it was left as it is.
    #[error("{0} is a table of something else; give the sessions a table name of their own")]
    NotSessions(String),
    /// The tables are missing or of an earlier layout, and the user may not change that.
    #[error(
        "the user may not create {0}; grant CREATE on its schema, or connect once as the owner of the schema"
    )]
    NotAllowed(String),
    /// A later release of this library wrote the tables; they were left as they are.
    #[error(
        "the session tables have layout {found}, and this release reads layouts up to {supported}; run the later release"
    )]
    TooNew {
        /// The layout of the tables.
        found: i32,
        /// The last that this release knows.
        supported: i32,
    },
    /// The server refused something else.
    #[error("the session tables cannot be created or looked at: {}", why(.0))]
    Engine(#[source] StoreError),
}

fn hint(parameter: &str) -> &'static str {
    match parameter {
        "sslmode" | "ssl-mode" => "; it is one of disable, allow, prefer, require, verify-ca, verify-full",
        _ => "",
    }
}

/// What the engine said; that it is about a store goes without saying here.
fn why(error: &StoreError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// The names of the tables, as the user wants them.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) schema: Option<String>,
    pub(super) table: String,
}

impl Names {
    pub(super) fn check(&self) -> Result<(), OpenError> {
        for name in [&self.table].into_iter().chain(&self.schema) {
            let fits = (1..=LONGEST_NAME).contains(&name.len());
            let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !fits || !letters || name.starts_with(|first: char| first.is_ascii_digit()) {
                return Err(OpenError::Name(name.clone()));
            }
        }
        Ok(())
    }
}

/// The names of the tables in SQL.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    pub(super) table: String,
    layout: String,
    expires: String,
    principal: String,
}

impl Tables {
    /// `schema` may be any text: it also comes from the server.
    fn new(schema: &str, table: &str) -> Self {
        let schema = schema.replace('"', "\"\"");
        Self {
            table: format!(r#""{schema}"."{table}""#),
            layout: format!(r#""{schema}"."{table}_layout""#),
            expires: format!(r#""{table}_expires""#),
            principal: format!(r#""{table}_principal""#),
        }
    }

    /// The number of an advisory lock for `what` of these tables.
    pub(super) fn lock(&self, what: &[&str]) -> i64 {
        let mut hash = Sha256::new();
        for part in [self.table.as_str()].iter().chain(what) {
            hash.update(part.as_bytes());
            hash.update([0xff]);
        }
        let hash: [u8; 32] = hash.finalize().into();
        hash.first_chunk().map_or(0, |first| i64::from_be_bytes(*first))
    }
}

/// What there is.
enum Found {
    Nothing,
    Layout { layout: i32, readable_from: i32 },
    SomethingElse,
}

/// Sees that the tables are there. Processes that do so at once take turns.
pub(super) async fn prepare(mut lease: Lease, names: Names) -> Result<Tables, OpenError> {
    let tables = resolve(&mut lease, names).await?;
    if let Ok(Found::Layout { layout: LAYOUT.., readable_from: ..=LAYOUT }) = look(&mut lease, &tables).await
    {
        lease.give_back();
        return Ok(tables);
    }
    // Anything else is looked at again once nobody else changes it. An error above may have ended the connection's use; the
    // transaction is a beginning.
    let begin = format!(
        "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
         SELECT pg_advisory_xact_lock({})",
        tables.lock(&["layout"])
    );
    run(&mut lease, begin).await.map_err(OpenError::Engine)?;
    let from = match look(&mut lease, &tables).await {
        Ok(Found::Nothing) => 0,
        Ok(Found::Layout { layout, readable_from }) if readable_from > LAYOUT => {
            return Err(OpenError::TooNew { found: layout, supported: LAYOUT });
        }
        Ok(Found::Layout { layout, .. }) => layout,
        Ok(Found::SomethingElse) => return Err(OpenError::NotSessions(tables.table)),
        Err(error) => return Err(OpenError::Engine(error.into())),
    };
    for step in STEPS.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)) {
        let step = step
            .replace("{table}", &tables.table)
            .replace("{layout}", &tables.layout)
            .replace("{expires}", &tables.expires)
            .replace("{principal}", &tables.principal);
        if let Err(failure) = lease.plain(AssertSqlSafe(step).into_sql_str(), LONGEST_STEP).await {
            return Err(match failure {
                Failure::Refused(error) if code(&error).is_some_and(|code| code == "42501") => {
                    OpenError::NotAllowed(tables.table)
                }
                failure => OpenError::Engine(failure.into()),
            });
        }
    }
    run(&mut lease, "COMMIT".to_owned()).await.map_err(OpenError::Engine)?;
    lease.give_back();
    Ok(tables)
}

async fn run(lease: &mut Lease, sql: String) -> Result<Vec<PgRow>, StoreError> {
    Ok(lease.plain(AssertSqlSafe(sql).into_sql_str(), LONGEST_STEP).await?)
}

/// Looks at the server, and finds out in which schema the tables are.
async fn resolve(lease: &mut Lease, names: Names) -> Result<Tables, OpenError> {
    const SERVER: &str = "SELECT current_setting('server_version_num')::int, current_setting('server_version'), \
        current_setting('server_encoding'), coalesce($1, current_schema()), \
        coalesce(has_schema_privilege(to_regnamespace(quote_ident(coalesce($1, current_schema()))), 'USAGE'), false)";
    type Server = (i32, String, String, Option<String>, bool);
    let ask = async {
        let arguments = Values::none().and(names.schema.clone()).done()?;
        let rows = lease.step(Call { sql: SERVER.into_sql_str(), arguments }, STATEMENT).await?;
        let row = rows.first().ok_or(sqlx::Error::RowNotFound).map_err(Failure::Refused)?;
        <Server as sqlx::FromRow<'_, PgRow>>::from_row(row).map_err(Failure::Refused)
    };
    let (version, version_name, encoding, schema, usable) =
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

async fn look(lease: &mut Lease, tables: &Tables) -> Result<Found, Failure> {
    const WHICH: &str = "SELECT to_regclass($1) IS NOT NULL, to_regclass($2) IS NOT NULL, (SELECT count(*) = 2 FROM pg_attribute \
        WHERE attrelid = to_regclass($2) AND attname IN ('layout', 'readable_from') AND atttypid = 'int4'::regtype)";
    let arguments = Values::none().and(tables.table.clone()).and(tables.layout.clone()).done()?;
    let rows = lease.step(Call { sql: WHICH.into_sql_str(), arguments }, STATEMENT).await?;
    let row = rows.first().ok_or(Failure::Refused(sqlx::Error::RowNotFound))?;
    let there: (bool, bool, bool) = sqlx::FromRow::from_row(row).map_err(Failure::Refused)?;
    match there {
        (false, false, _) => return Ok(Found::Nothing),
        (true, true, true) => {}
        _ => return Ok(Found::SomethingElse),
    }
    let sql = format!("SELECT layout, readable_from FROM {}", tables.layout);
    let rows = lease
        .step(Call { sql: AssertSqlSafe(sql).into_sql_str(), arguments: Values::none().done()? }, STATEMENT)
        .await?;
    match &*rows {
        [row] => Ok(Found::Layout {
            layout: row.try_get(0).map_err(Failure::Refused)?,
            readable_from: row.try_get(1).map_err(Failure::Refused)?,
        }),
        _ => Ok(Found::SomethingElse),
    }
}

/// What it means that there was no connection to begin with.
pub(super) fn no_connection(error: StoreError) -> OpenError {
    let standby = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<sqlx::Error>());
    match standby {
        Some(sqlx::Error::Configuration(reason)) if reason.is::<Standby>() => OpenError::Standby,
        _ => OpenError::Unreachable(error),
    }
}
