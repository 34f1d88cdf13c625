//! What the program writes: text for people, or JSON.
//!
//! In: what a command found. Out: lines. Never: a value of a field, unless it was asked for.

use std::io::{self, IsTerminal, Write};

use actix_typed_session::{
    admin::Tally,
    id::PublicId,
    record::{Meta, Principal, Record, Timestamp},
    store::StoreErrorKind,
};
use serde_json::{Value, json};

use crate::dry_run::{DryRun, Sections};

/// The standard output, as text or as JSON.
pub(crate) struct Output {
    out: io::StdoutLock<'static>,
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { out: io::stdout().lock(), json }
    }

    /// One of the two, by what was asked for.
    fn write(&mut self, text: impl FnOnce() -> String, json: impl FnOnce() -> Value) -> io::Result<()> {
        if self.json { writeln!(self.out, "{}", json()) } else { writeln!(self.out, "{}", visible(&text())) }
    }

    /// A session as a line.
    pub(crate) fn session(&mut self, id: PublicId, meta: &Meta) -> io::Result<()> {
        let user = meta.principal.as_ref().map_or("-", |principal| principal.as_str());
        let text = || {
            let label = meta.label.as_deref().unwrap_or("-");
            let (began, seen, ends) = (meta.created, meta.touched, meta.expires());
            format!("{id}  began {began}  seen {seen}  ends {ends}  {user}  {label}")
        };
        self.write(text, || facts(id, meta))
    }

    /// A session that cannot be read, as a line.
    pub(crate) fn unreadable(&mut self, id: PublicId, why: StoreErrorKind) -> io::Result<()> {
        let why = match why {
            StoreErrorKind::TooNew => "of a later release",
            _ => "damaged",
        };
        self.write(|| format!("{id}  {why}"), || json!({ "public_id": id, "unreadable": why }))
    }

    /// Everything about a session.
    pub(crate) fn record(&mut self, id: PublicId, record: &Record, values: bool) -> io::Result<()> {
        let cells = record.cells();
        let json = || {
            let fields = cells.iter().map(|(key, cell)| {
                // A text that is no JSON is sealed, or damaged; it is shown as it is stored.
                let text = cell.json.as_str();
                let value = values.then(|| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)));
                let bytes = cell.json.as_str().len();
                let mut field = json!({ "bytes": bytes, "revision": cell.revision });
                if let (Some(value), Some(field)) = (value, field.as_object_mut()) {
                    field.insert("value".into(), value);
                }
                (key.as_str().to_owned(), field)
            });
            let mut facts = facts(id, record.meta());
            if let Some(facts) = facts.as_object_mut() {
                facts.insert("fields".into(), fields.collect());
            }
            facts
        };
        let text = || {
            let meta = record.meta();
            let user = meta.principal.as_ref().map_or("nobody", |principal| principal.as_str());
            let mut lines = vec![
                format!("session    {id}"),
                format!("user       {user}"),
                format!("label      {}", meta.label.as_deref().unwrap_or("-")),
                format!("began      {}", meta.created),
                format!("signed in  {}", meta.authenticated.map_or("-".to_owned(), |at| at.to_string())),
                format!("last seen  {}", meta.touched),
                format!("ends       {}", meta.expires()),
                format!("size       {} bytes", record.size()),
            ];
            lines.extend(cells.iter().map(|(key, cell)| {
                let (json, revision) = (cell.json.as_str(), cell.revision);
                let what = if values { json.to_owned() } else { format!("{} bytes", json.len()) };
                format!("  {:<24} revision {revision:<5} {what}", key.as_str())
            }));
            lines.join("\n")
        };
        self.write(text, json)
    }

    pub(crate) fn ended(&mut self, count: u64) -> io::Result<()> {
        self.write(|| format!("ended: {count}"), || json!({ "ended": count }))
    }

    pub(crate) fn swept(&mut self, count: u64) -> io::Result<()> {
        self.write(|| format!("expired records removed: {count}"), || json!({ "swept": count }))
    }

    pub(crate) fn sweeps_itself(&mut self) -> io::Result<()> {
        let text = || "nothing to do: the store removes expired sessions by itself".to_owned();
        self.write(text, || json!({ "swept": 0 }))
    }

    pub(crate) fn healthy(&mut self) -> io::Result<()> {
        self.write(|| "the store answers".to_owned(), || json!({ "healthy": true }))
    }

    pub(crate) fn dry_run(&mut self, run: &DryRun) -> io::Result<()> {
        let losses = run.losses();
        let text = || {
            let all = if run.complete { "all of them" } else { "not all" };
            let mut lines = vec![format!("sessions: {}, {all}", run.sessions)];
            for (count, what) in [
                (run.damaged, "damaged"),
                (run.of_later_releases, "of a later release of the library"),
                (run.signed_out, "would be signed out, because another field says who is signed in"),
            ] {
                if count > 0 {
                    lines.push(format!("{what}: {count}"));
                }
            }
            lines.extend(run.schemas.iter().flat_map(sections));
            lines.extend(
                run.without_lock
                    .iter()
                    .map(|(name, count)| format!("schema `{name}`, without a lock file: {count}")),
            );
            if losses.is_empty() {
                lines.push("nothing would be lost, as far as lock files tell".to_owned());
            }
            lines.join("\n")
        };
        let json = || {
            let schemas = run.schemas.iter().map(|sections| {
                let by_version = sections.by_version.iter().map(|(version, count)| {
                    let counts = json!({ "readable": count.readable, "converted": count.converted, "refused": count.refused });
                    (version.map_or("unknown".to_owned(), |version| version.to_string()), counts)
                });
                let needs = sections.needs.iter().map(|(since, count)| (since.to_string(), json!(count)));
                let facts = json!({
                    "version": sections.lock.version, "released": sections.lock.is_released,
                    "readable_from": by_version.collect::<Value>(), "needs": needs.collect::<Value>(),
                    "removed": sections.removed, "unknown": sections.unknown,
                });
                (sections.lock.schema.clone(), facts)
            });
            let schemas: Value = schemas.collect();
            json!({
                "sessions": run.sessions, "complete": run.complete, "damaged": run.damaged,
                "of_later_releases": run.of_later_releases, "signed_out": run.signed_out, "schemas": schemas,
                "without_lock": run.without_lock, "losses": losses,
            })
        };
        self.write(text, json)
    }

    pub(crate) fn census(&mut self, tally: &Tally) -> io::Result<()> {
        let text = || {
            let all = if tally.complete { "all of them" } else { "not all" };
            let (sessions, signed_in, users) = (tally.sessions, tally.signed_in, tally.users());
            let mut lines =
                vec![format!("sessions: {sessions}, {all}; signed in: {signed_in}, of users: {users}")];
            for (count, what) in [(tally.damaged, "damaged"), (tally.of_later_releases, "of a later release")]
            {
                if count > 0 {
                    lines.push(format!("{what}: {count}"));
                }
            }
            for (name, schema) in &tally.schemas {
                lines.push(format!("schema `{name}`: {} sessions, {} bytes", schema.sections, schema.bytes));
                lines.extend(schema.readable_from.iter().map(|(version, count)| match version {
                    Some(version) => format!("  can be read by version {version} and later: {count}"),
                    None => format!("  by no version that this release knows: {count}"),
                }));
            }
            lines.join("\n")
        };
        let json = || {
            let schemas = tally.schemas.iter().map(|(name, schema)| {
                let readable = schema.readable_from.iter().map(|(version, count)| {
                    (version.map_or("unknown".to_owned(), |version| version.to_string()), json!(count))
                });
                let readable: Value = readable.collect();
                let (sections, bytes) = (schema.sections, schema.bytes);
                (name.clone(), json!({ "sessions": sections, "bytes": bytes, "readable_from": readable }))
            });
            let schemas: Value = schemas.collect();
            json!({
                "sessions": tally.sessions, "complete": tally.complete, "signed_in": tally.signed_in,
                "users": tally.users(), "damaged": tally.damaged, "of_later_releases": tally.of_later_releases,
                "schemas": schemas,
            })
        };
        self.write(text, json)
    }
}

/// What a release would make of one schema, as text.
fn sections(Sections { lock, by_version, needs, removed, unknown, .. }: &Sections) -> Vec<String> {
    let kind = if lock.is_released { "released" } else { "a draft" };
    let mut lines = vec![format!("schema `{}`, version {}, {kind}", lock.schema, lock.version)];
    lines.extend(by_version.iter().map(|(version, count)| {
        let of = version.map_or("of no version that is told".to_owned(), |version| {
            format!("for version {version} and later")
        });
        let counts =
            [(count.readable, "read as it is"), (count.converted, "converted"), (count.refused, "refused")];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let told: Vec<_> = counts.map(|(count, what)| format!("{what}: {count}")).collect();
        format!("  {of}: {}", told.join(", "))
    }));
    lines.extend(
        needs.iter().map(|(since, count)| format!("  need the conversions of version {since}: {count}")),
    );
    for (count, what) in
        [(removed, "values of removed fields"), (unknown, "values of no version in the lock file")]
    {
        if *count > 0 {
            lines.push(format!("  {what}: {count}"));
        }
    }
    lines
}

/// The lines of `text` without what a terminal would obey: visitors choose the names of users, and what is in fields.
fn visible(text: &str) -> String {
    let escaped =
        |c: char| if c.is_control() && c != '\n' { c.escape_default().collect() } else { c.to_string() };
    text.chars().map(escaped).collect()
}

/// Tells people, and not programs. Nothing depends on whether somebody reads it.
pub(crate) fn tell(what: &str) {
    let _ = writeln!(io::stderr(), "session-admin: {what}");
}

/// Tells people that a list was cut.
pub(crate) fn there_is_more(limit: u64) {
    tell(&format!("only the first {limit}; there are more, which --limit shows"));
}

/// What is known of a session, with times as RFC 3339.
fn facts(id: PublicId, meta: &Meta) -> Value {
    let time = |time: Timestamp| time.to_string();
    json!({
        "public_id": id,
        "user": meta.principal.as_ref().map(Principal::as_str),
        "label": meta.label.as_deref(),
        "created": time(meta.created),
        "authenticated": meta.authenticated.map(time),
        "last_seen": time(meta.touched),
        "expires": time(meta.expires()),
    })
}

/// How far a long walk is, on a terminal.
pub(crate) struct Progress {
    what: &'static str,
    shows: bool,
}

impl Progress {
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, shows: io::stderr().is_terminal() }
    }

    pub(crate) fn at(&mut self, count: u64) {
        if self.shows {
            let _ = write!(io::stderr(), "\r{count} {}", self.what);
        }
    }
}

impl Drop for Progress {
    /// Clears its line.
    fn drop(&mut self) {
        if self.shows {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
