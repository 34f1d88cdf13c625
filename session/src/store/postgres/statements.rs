//! The statements, each one atomic at READ COMMITTED.
//!
//! In: the name of the table. Out: SQL, and the order in which it takes its values. Never puts a value into the text of a statement, and never
//! writes a column that this release does not know (G5).
//!
//! There are two clocks. A statement that changes a row reads `clock_timestamp()` once it holds the row's lock: it may have waited for the
//! lock, and a session that expired in the meantime must not be touched back to life (G3). A statement that only reads uses `now()`, which
//! is older than the statement's snapshot: with a later time, a row that was touched in the meantime would look expired.
//!
//! A server that has not analyzed the table yet plans for one of a few rows, of which it would rather read all than look one up in an index
//! for each row of a join. So a statement whose plan is kept finds rows by one selector, or where tables must not be read as a whole; the others
//! are planned for the table as it is.

use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use super::connections::{Plan, Statement};

/// How many sessions of a principal one statement ends, which takes some tens of milliseconds: however many there are, no statement takes too
/// long, and what is done is done.
const AT_ONCE: u32 = 4096;

/// Milliseconds since the Unix epoch, at the beginning of the transaction.
const BEGINNING: &str = "floor(extract(epoch FROM now()) * 1000)::bigint";
/// Milliseconds since the Unix epoch, at this moment.
const MOMENT: &str = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
/// When a session expires, as `Meta::expires`, but at most the largest `bigint`, which is enough for a column that finds expired rows.
const END: &str =
    "least(touched + idle, coalesce(authenticated, created) + absolute, 9223372036854775807)::bigint";
/// The columns of meta.
pub(super) const META: &str = "format, verifier, generation, revision, created, touched, renewed, \
    authenticated, signed_in, idle::text, absolute::text, persistent, principal, label";
/// Whether this release can read a row. A row that it cannot read is never changed (G6), not even one with a single damaged cell that the
/// change does not concern: what is beside it may be damaged too.
const READABLE: &str = r#"(format <= 1 AND octet_length(verifier) = 32
    AND jsonb_typeof(cells) = 'object'
    AND NOT cells @? 'strict $.* ? (@.type() != "string" || !(@ like_regex "^[0-9]{1,20}(@[0-9]{1,20})? "))')"#;
/// The rows of one principal. Their index begins with the hash, because it has room for principals of any length only by their hash.
const THEIRS: &str =
    "hashtextextended(principal, 0) = hashtextextended($principal, 0) AND principal = $principal";

/// The cells as text, or nothing if they are larger than any release writes.
const CELLS: &str = "CASE WHEN octet_length(cells::text) <= 16777216 THEN cells::text END";

/// When a cell expires, at most the last `Timestamp`; null if it lives as long as its record.
const TTL: &str = "CASE WHEN w.ttl IS NOT NULL THEN least(now + w.ttl::numeric, 18446744073709551615) END";

const LOAD: &str =
    "SELECT {now}, {meta}, {cells} AS cells FROM {table} WHERE selector = $selector AND expires > {now}";

/// The principal's other live sessions that have no room beside the new one: all but the $most - 1 that signed in last. They are read from an
/// index in the order of sign-ins, so a sign-in reads as many as may stay and those that must go. For one that would be refused, the first
/// tells. If there are more than one statement ends, the answer is `again`, and the sign-in is not made yet.
const SURPLUS: &str =
    "SELECT selector FROM {table} WHERE {theirs} AND selector <> $selector AND expires > {clock}
    ORDER BY coalesce(authenticated, created) DESC, selector DESC
    OFFSET $most - 1 LIMIT CASE WHEN $rejects THEN 1 ELSE {at_once} + 1 END";
const NO_SURPLUS: &str = "SELECT NULL::bytea AS selector WHERE false";
const EVICTED: &str = "evicted AS (
        DELETE FROM {table} t USING surplus s, admissible
        WHERE {signs_in} AND t.selector = s.selector AND t.principal = $principal),";

/// Inserts a record, as `Record::create`.
///
/// `begun` computes the row, and `new` whether it has any time to live and whether a row exists. `admissible` is the row if it may be
/// inserted. Only then does `evicted` end the oldest sessions, so a sign-in that is refused ends none. `ON CONFLICT DO NOTHING` decides between
/// two creates that race; the loser sees no inserted row and answers "exists", so nothing is ever overwritten.
const CREATE: &str = "
    WITH clock AS MATERIALIZED (SELECT {moment} AS now),
    begun AS MATERIALIZED (
        SELECT now AS created, now AS touched, CASE WHEN $authenticated THEN now END AS authenticated,
            $idle::text::numeric AS idle, $absolute::text::numeric AS absolute,
            (SELECT coalesce(jsonb_object_agg(w.wire_key, concat('1', '@' || {ttl}, ' ', w.json)), '{}')
                FROM unnest($wire_keys::text[], $ttls::text[], $jsons::text[]) AS w (wire_key, ttl, json)) AS cells
        FROM clock),
    new AS MATERIALIZED (
        SELECT *, {end} AS expires, EXISTS (SELECT FROM {table} WHERE selector = $selector) AS there FROM begun),
    surplus AS MATERIALIZED ({surplus}),
    admissible AS MATERIALIZED (
        SELECT * FROM new WHERE expires > created AND NOT there
            AND NOT ($rejects AND EXISTS (SELECT FROM surplus))),
    {evicted}
    admitted AS MATERIALIZED (SELECT * FROM admissible WHERE (SELECT count(*) FROM surplus) <= {at_once}),
    inserted AS (
        INSERT INTO {table} (selector, format, verifier, generation, revision, created, touched, renewed, authenticated,
            signed_in, idle, absolute, persistent, principal, label, cells, expires)
        SELECT $selector, 1, $verifier, 1, 1, created, created, created, authenticated,
            ($principal IS NOT NULL)::int, idle, absolute, $persistent, $principal, $label, cells, expires FROM admitted
        ON CONFLICT (selector) DO NOTHING RETURNING 1)
    SELECT CASE
        WHEN EXISTS (SELECT FROM inserted) THEN 'created'
        WHEN there THEN 'exists'
        WHEN expires <= created THEN 'created'
        WHEN EXISTS (SELECT FROM admitted) THEN 'exists'
        WHEN EXISTS (SELECT FROM admissible) THEN 'again'
        ELSE 'too many' END
    FROM new";

/// Applies a change, as `Record::apply`, in one statement and one round trip.
///
/// * `held` locks the row first. At READ COMMITTED, `FOR UPDATE` returns the latest committed version of the row, so everything below sees
///   the row as it is, and a conflict answers with exactly the row that its guards were compared with (G2).
/// * `timed` reads the clock after the wait for the lock.
/// * `judged` decides in the order of the contract: expired rows are gone before anything else is checked (G3), unreadable rows are refused
///   before their guards are compared (G6), and then generation and guards hold or do not.
/// * `changed` and `next` compute the new row from the held one. Nothing is computed for another verdict.
///   Cells are left alone unless some are written: large ones are stored apart from their row, and would be written again.
/// * `surplus`, `admissible` and `admitted` find out whether there is room, if this is a sign-in with a maximum. The caller holds the principal's lock then.
/// * `evicted`, `written` and `ended` are the only parts that write. All of them take effect together, or none does.
///
/// A missing row has no verdict, so the answer has no row and means "gone": an update never inserts, which makes a logout final (G3).
const UPDATE: &str = "
    WITH held AS MATERIALIZED (SELECT * FROM {table} WHERE selector = $selector FOR UPDATE),
    timed AS MATERIALIZED (SELECT *, {moment} AS now FROM held),
    judged AS MATERIALIZED (
        SELECT *, CASE
            WHEN expires <= now THEN 'gone'
            WHEN NOT {readable} THEN 'unreadable'
            WHEN generation <> $generation::text::numeric OR EXISTS (
                SELECT FROM unnest($guards::text[], $revisions::text[]) AS g (wire_key, revision)
                WHERE substring(cells ->> g.wire_key FROM '^[0-9]+') IS DISTINCT FROM g.revision) THEN 'conflict'
            ELSE 'holds' END AS verdict
        FROM timed),
    changed AS MATERIALIZED (
        SELECT selector, now, revision + 1 AS revision,
            CASE WHEN $anew THEN now ELSE created END AS created,
            generation + ($verifier IS NOT NULL)::int AS generation,
            coalesce($verifier, verifier) AS verifier,
            CASE WHEN $verifier IS NULL THEN renewed ELSE now END AS renewed,
            CASE WHEN $sets_principal THEN $principal WHEN NOT $anew THEN principal END AS principal,
            CASE WHEN $sets_principal AND (principal IS NULL OR $anew) AND $principal IS NOT NULL THEN revision + 1
                ELSE signed_in END AS signed_in,
            $sets_principal AND principal IS DISTINCT FROM $principal AS other_principal,
            CASE WHEN $authenticated THEN now WHEN NOT $anew THEN authenticated END AS authenticated,
            coalesce($idle::text::numeric, idle) AS idle,
            coalesce($absolute::text::numeric, absolute) AS absolute,
            coalesce($persistent, persistent) AS persistent,
            CASE WHEN $sets_label THEN $label WHEN NOT $anew THEN label END AS label,
            CASE WHEN $touches THEN greatest(touched, now) ELSE touched END AS touched,
            CASE WHEN cardinality($wire_keys::text[]) + cardinality($deleted::text[]) = 0 AND NOT $anew THEN cells
            ELSE (CASE WHEN $anew THEN '{}' ELSE cells - $deleted::text[] END) || (
                SELECT coalesce(jsonb_object_agg(w.wire_key, concat(revision + 1, '@' || {ttl}, ' ', w.json)), '{}')
                FROM unnest($wire_keys::text[], $ttls::text[], $jsons::text[]) AS w (wire_key, ttl, json)) END AS cells
        FROM judged WHERE verdict = 'holds'),
    next AS MATERIALIZED (SELECT *, {end} AS expires FROM changed),
    surplus AS MATERIALIZED ({surplus}),
    admissible AS MATERIALIZED (
        SELECT * FROM next WHERE expires > now
            AND NOT (other_principal AND $rejects AND EXISTS (SELECT FROM surplus))),
    {evicted}
    admitted AS MATERIALIZED (
        SELECT * FROM admissible WHERE NOT other_principal OR (SELECT count(*) FROM surplus) <= {at_once}),
    written AS (
        UPDATE {table} t SET revision = a.revision, generation = a.generation, verifier = a.verifier,
            created = a.created, renewed = a.renewed, principal = a.principal,
            signed_in = a.signed_in, authenticated = a.authenticated, idle = a.idle, absolute = a.absolute,
            persistent = a.persistent, label = a.label, touched = a.touched, cells = a.cells, expires = a.expires
        FROM admitted a WHERE t.selector = a.selector RETURNING t.revision),
    ended AS (
        DELETE FROM {table} t USING judged j LEFT JOIN next n ON true
        WHERE t.selector = j.selector AND (j.verdict = 'gone' OR n.expires <= n.now))
    SELECT CASE
            WHEN verdict <> 'holds' THEN verdict
            WHEN EXISTS (SELECT FROM written) THEN 'done'
            WHEN (SELECT expires <= now FROM next) THEN 'gone'
            WHEN EXISTS (SELECT FROM admissible) THEN 'again'
            ELSE 'too many' END AS verdict,
        (SELECT revision FROM written), now, {meta},
        CASE WHEN verdict IN ('conflict', 'unreadable') THEN {cells} END AS cells
    FROM judged";

const DELETE: &str = "DELETE FROM {table} WHERE selector = $selector";

/// Deletes a row of one principal, if it can be read. The answer says whether it could; without a row in the answer, there was none.
const DELETE_OF: &str = "
    WITH held AS MATERIALIZED (SELECT * FROM {table} WHERE selector = $selector FOR UPDATE),
    judged AS MATERIALIZED (SELECT selector, {readable} AS readable FROM held WHERE principal = $principal),
    ended AS (DELETE FROM {table} t USING judged j WHERE t.selector = j.selector AND j.readable)
    SELECT readable FROM judged";

const LIST: &str = "SELECT selector, {meta} FROM {table} WHERE {theirs} AND expires > (SELECT {now})";

/// The index has the sessions of a principal in this order, so a page reads no others.
const PAGE: &str =
    "SELECT selector, expires > {now}, {meta} FROM {table} WHERE {theirs} AND selector > $after
    ORDER BY selector LIMIT $limit";

const COUNT: &str = "SELECT count(*) FROM {table} WHERE {theirs} AND expires > (SELECT {now})";
const SCAN: &str = "SELECT selector FROM {table} WHERE selector > $last ORDER BY selector LIMIT $limit";

/// Ends some sessions, in the order of the index; the answer is how many were live, and the selector to go on after, if there may be more.
/// Takes the principal's lock, as sign-ins with a maximum do, because both lock several rows and could deadlock.
const DELETE_SOME: &str = "
    WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock($turn)),
    part AS MATERIALIZED (
        SELECT selector FROM {table}, turn WHERE {theirs} AND selector > $after ORDER BY selector LIMIT {at_once}),
    ended AS (
        DELETE FROM {table} t USING part p
        WHERE t.selector = p.selector AND t.principal = $principal AND ($except IS NULL OR t.selector <> $except)
        RETURNING t.expires > (SELECT {now}) AS live)
    SELECT (SELECT count(*) FILTER (WHERE live) FROM ended),
        (SELECT selector FROM part ORDER BY selector OFFSET {at_once} - 1)";

/// Waits for no lock: a row that another statement holds is left for the next sweep. PostgreSQL checks the condition again on a row that was
/// touched in the meantime.
const SWEEP: &str = "
    WITH dead AS MATERIALIZED (
        SELECT selector FROM {table} WHERE expires <= {now} ORDER BY expires LIMIT $limit FOR UPDATE SKIP LOCKED),
    swept AS (DELETE FROM {table} t USING dead WHERE t.selector = dead.selector RETURNING 1)
    SELECT count(*) FROM swept";

/// The names of the values of each statement, in the order in which they are bound.
const CREATE_TAKES: &[&str] = &[
    "selector",
    "verifier",
    "principal",
    "authenticated",
    "idle",
    "absolute",
    "persistent",
    "label",
    "wire_keys",
    "ttls",
    "jsons",
    "most",
    "rejects",
];
const UPDATE_TAKES: &[&str] = &[
    "selector",
    "verifier",
    "principal",
    "generation",
    "guards",
    "revisions",
    "deleted",
    "wire_keys",
    "ttls",
    "jsons",
    "most",
    "rejects",
    "sets_principal",
    "authenticated",
    "idle",
    "absolute",
    "persistent",
    "sets_label",
    "label",
    "touches",
    "anew",
];

pub(super) struct Statements {
    pub(super) load: Statement,
    pub(super) create: Statement,
    pub(super) create_limited: Statement,
    pub(super) update: Statement,
    pub(super) update_limited: Statement,
    pub(super) delete: Statement,
    pub(super) delete_of: Statement,
    pub(super) list: Statement,
    pub(super) page: Statement,
    pub(super) count: Statement,
    pub(super) scan: Statement,
    pub(super) delete_some: Statement,
    pub(super) sweep: Statement,
}

impl Statements {
    /// The statements on `table`, a quoted name.
    pub(super) fn on(table: &str) -> Self {
        let limited = |text: &str, clock: &str, signs_in: &str| {
            text.replace("{surplus}", SURPLUS)
                .replace("{clock}", &format!("(SELECT now FROM {clock})"))
                .replace("{evicted}", EVICTED)
                .replace("{signs_in}", signs_in)
        };
        let sql = |plan: Plan, text: &str, takes: &[&str]| {
            let text = text
                .replace("{surplus}", NO_SURPLUS)
                .replace("{evicted}", "")
                .replace("{theirs}", THEIRS)
                .replace("{ttl}", TTL)
                .replace("{end}", END)
                .replace("{meta}", META)
                .replace("{readable}", READABLE)
                .replace("{cells}", CELLS)
                .replace("{now}", BEGINNING)
                .replace("{moment}", MOMENT)
                .replace("{at_once}", &AT_ONCE.to_string())
                .replace("{table}", table);
            Statement { sql: AssertSqlSafe(numbered(&text, takes)).into_sql_str(), plan }
        };
        let kept = |text: &str, takes: &[&str]| sql(Plan::Kept, text, takes);
        let anew = |text: &str, takes: &[&str]| sql(Plan::Anew, text, takes);
        Self {
            load: kept(LOAD, &["selector"]),
            create: kept(CREATE, CREATE_TAKES),
            create_limited: kept(&limited(CREATE, "clock", "true"), CREATE_TAKES),
            update: kept(UPDATE, UPDATE_TAKES),
            update_limited: kept(&limited(UPDATE, "timed", "other_principal"), UPDATE_TAKES),
            delete: kept(DELETE, &["selector"]),
            delete_of: kept(DELETE_OF, &["selector", "principal"]),
            list: kept(LIST, &["principal"]),
            page: kept(PAGE, &["principal", "after", "limit"]),
            count: kept(COUNT, &["principal"]),
            scan: kept(SCAN, &["last", "limit"]),
            delete_some: anew(DELETE_SOME, &["principal", "turn", "after", "except"]),
            sweep: anew(SWEEP, &["limit"]),
        }
    }
}

/// Replaces named parameters by PostgreSQL's numbered ones. Numbers are hard to keep in order in a statement with twenty of them.
fn numbered(sql: &str, takes: &[&str]) -> String {
    let mut numbers: Vec<(&str, usize)> = takes.iter().copied().zip(1..).collect();
    // The longest name first: a name may be the beginning of another.
    numbers.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    numbers
        .iter()
        .fold(sql.to_owned(), |sql, (name, number)| sql.replace(&format!("${name}"), &format!("${number}")))
}
