//! What each page shows.
//!
//! In: what a store holds. Out: HTML. Never: a stored value; wire keys and sizes say enough for support, and values may be private.

use std::{fmt::Write, sync::Arc, time::Duration};

use super::html::{Text, link, number, page};
use crate::{
    id::public::PublicId,
    record::{
        meta::{Meta, Principal},
        time::Timestamp,
    },
    store::{
        contract::Loaded,
        error::{StoreError, StoreErrorKind},
        index::Page,
        scan::Cursor,
    },
    tools::{
        tally::{SchemaTally, Tally},
        walk::StoredSession,
    },
};

/// Whether the pages have buttons that end sessions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Access {
    Reading,
    Ending,
}

/// Live sessions, some of them.
pub(super) fn sessions(list: &[StoredSession], next: Option<&Cursor>, notice: Option<&str>) -> String {
    let rows: String = list.iter().map(|session| row(session, Access::Reading)).collect();
    let more = next.map_or_else(String::new, |next| more(&link("./", "from", next.as_str())));
    page(
        "Live sessions",
        notice,
        &format!("{}{more}", table("In the order of the store", &rows, Access::Reading)),
    )
}

/// The sessions of one user.
pub(super) fn user(
    principal: &Principal,
    count: u64,
    list: Page,
    access: Access,
    notice: Option<&str>,
) -> String {
    let rows: String =
        list.sessions.into_iter().map(|listed| meta_row(listed.public_id(), &listed.meta, access)).collect();
    let of = link("user", "of", principal.as_str());
    let more = list.next.map_or_else(String::new, |next| {
        more(&format!("{of}&{}", &link("", "after", PublicId::of(next))[1..]))
    });
    let all = if access == Access::Ending && count > 0 {
        format!(
            "<form method=\"post\" action=\"end-all\"><input type=\"hidden\" name=\"of\" value=\"{of}\"><p><button class=\"end\">End all sessions of this user</button></p></form>",
            of = Text(principal.as_str()),
        )
    } else {
        String::new()
    };
    let caption = format!("{} of this user", sessions_in_words(count));
    let title = format!("User {}", principal.as_str());
    page(&title, notice, &format!("{}{more}{all}", table(&caption, &rows, access)))
}

/// One session.
pub(super) fn session(id: PublicId, loaded: &Loaded, access: Access) -> String {
    let (record, meta) = (&loaded.record, loaded.record.meta());
    let user = meta.principal.as_ref().map_or_else(|| "nobody".to_owned(), user_link);
    let facts = [
        ("User", user),
        ("Label", Text(label(meta.label.as_ref())).to_string()),
        ("Began", time(meta.created)),
        ("Signed in", meta.authenticated.map_or_else(|| "–".to_owned(), time)),
        ("Last seen", time(meta.touched)),
        ("Ends without a request", time(meta.expires())),
        ("Id renewed", time(meta.renewed)),
        ("Idle timeout", Text(span(meta.limits.idle)).to_string()),
        ("Absolute timeout", Text(span(meta.limits.absolute)).to_string()),
        (
            "Cookie",
            (if meta.persistent { "outlives the browser" } else { "ends with the browser" }).to_owned(),
        ),
    ];
    let facts = facts.iter().fold(String::new(), |mut rows, (name, value)| {
        let _ = write!(rows, "<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>"); // into a string
        rows
    });
    let cells = record.cells().iter().fold(String::new(), |mut rows, (key, cell)| {
        let (key, bytes, revision) = (Text(key.as_str()), cell.json.as_str().len(), cell.revision);
        let _ = write!(
            rows,
            "<tr><td><code>{key}</code></td><td class=\"number\">{bytes}</td><td class=\"number\">{revision}</td></tr>"
        );
        rows
    });
    let end = if access == Access::Ending { end_button(id, None) } else { String::new() };
    let contents = format!(
        "<div class=\"scrolls\"><table><caption>What is known of the session</caption><tbody>{facts}</tbody></table></div>
<h2>Fields</h2>
<div class=\"scrolls\"><table><caption>{size} bytes in all, revision {revision}; values are not shown</caption>
<thead><tr><th scope=\"col\">Wire key</th><th scope=\"col\" class=\"number\">Bytes</th><th scope=\"col\" class=\"number\">Revision</th></tr></thead>
<tbody>{cells}</tbody></table></div>
{end}",
        size = number(u64::try_from(record.size()).unwrap_or(u64::MAX)),
        revision = meta.revision,
    );
    page(&format!("Session {id}"), None, &contents)
}

/// A session of that public id is not there.
pub(super) fn no_session(id: PublicId) -> String {
    let text = "<p>There is no such session: it has ended, or never was one.</p>";
    page(&format!("Session {id}"), None, text)
}

/// A session that cannot be read, and can be ended all the same.
pub(super) fn unreadable(id: PublicId, why: StoreErrorKind, access: Access) -> String {
    let end = if access == Access::Ending { end_button(id, None) } else { String::new() };
    page(&format!("Session {id}"), None, &format!("<p class=\"alarm\">{}</p>{end}", why_unreadable(why)))
}

/// How many sessions there are, and which versions of the schemas can read them.
pub(super) fn schemas(tally: &Tally) -> String {
    let numbers = [
        ("live sessions", tally.sessions),
        ("with a user", tally.signed_in),
        ("users", tally.users()),
        ("damaged", tally.damaged),
        ("of a later release", tally.of_later_releases),
    ];
    let numbers = numbers.iter().fold(String::new(), |mut list, (name, count)| {
        let _ = write!(list, "<div><dt>{name}</dt><dd>{}</dd></div>", number(*count));
        list
    });
    let part = if tally.complete {
        "<p class=\"soft\">All sessions were counted.</p>".to_owned()
    } else {
        format!(
            "<p class=\"soft\">This is a sample: the first {} in the order of the store, which says nothing about their age. \
             <code>session-admin census</code> counts all.</p>",
            sessions_in_words(tally.found())
        )
    };
    let charts: String = tally.schemas.iter().map(|(name, schema)| chart(name, schema)).collect();
    page("Schemas", None, &format!("{part}<dl class=\"numbers\">{numbers}</dl>{charts}"))
}

const BAR: u64 = 26;
const LEFT: u64 = 190;
const WIDEST: u64 = 380;

/// A bar for each version. The texts in it say everything, so it needs no table beside it.
fn chart(name: &str, schema: &SchemaTally) -> String {
    let (mut bars, mut y) = (String::new(), 0);
    let mut spoken = Vec::new();
    for (version, count) in &schema.readable_from {
        let from = version.map_or_else(
            || "no version we know".to_owned(),
            |version| format!("version {version} and later"),
        );
        let wide = count * WIDEST / schema.sections.max(1);
        let middle = y + 18;
        let _ = write!(
            bars,
            "<text x=\"0\" y=\"{middle}\">{from}</text><rect class=\"all\" x=\"{LEFT}\" y=\"{y}\" width=\"{WIDEST}\" height=\"{BAR}\"/>\
             <rect class=\"bar\" x=\"{LEFT}\" y=\"{y}\" width=\"{wide}\" height=\"{BAR}\"/><text x=\"{x}\" y=\"{middle}\">{count}</text>",
            x = LEFT + WIDEST + 10,
            count = number(*count),
        );
        spoken.push(format!("{} by {from}", number(*count)));
        y += BAR + 8;
    }
    format!(
        "<figure><figcaption><strong>{name}</strong>: {sections}, {bytes} bytes. Each can be read by</figcaption>\
         <svg viewBox=\"0 0 660 {y}\" role=\"img\" aria-label=\"{spoken}\">{bars}</svg></figure>",
        name = Text(name),
        sections = sessions_in_words(schema.sections),
        bytes = number(schema.bytes),
        spoken = Text(spoken.join(", ")),
    )
}

/// Whether the store answers.
pub(super) fn health(answer: &Result<(), StoreError>, took: Duration) -> String {
    let millis = took.as_secs_f64() * 1000.0;
    let text = match answer {
        Ok(()) => format!("<p>The store answers. One read took {millis:.1} ms.</p>"),
        Err(error) => format!("<p class=\"alarm\">The store does not answer: {}</p>", Text(error)),
    };
    page("Health", None, &text)
}

/// A call to the store failed.
pub(super) fn failed(error: &StoreError) -> String {
    let text = match error.kind() {
        StoreErrorKind::Unsupported => "<p>The store cannot do this.</p>".to_owned(),
        _ => format!("<p class=\"alarm\">{}</p>", Text(error)),
    };
    page("The store failed", None, &text)
}

/// What was searched for is neither a user nor a session.
pub(super) fn not_found(text: &str) -> String {
    let contents = format!(
        "<p>“{}” is neither a user, such as <code>shop.user=7</code>, nor the public id of a session, which has 22 characters.</p>",
        Text(text)
    );
    page("Nothing found", None, &contents)
}

/// “Ended” in words.
pub(super) fn ended(count: u64) -> String {
    format!("{} ended.", sessions_in_words(count))
}

fn sessions_in_words(count: u64) -> String {
    format!("{} session{}", number(count), if count == 1 { "" } else { "s" })
}

fn more(link: &str) -> String {
    format!("<p><a href=\"{}\" rel=\"next\">More sessions</a></p>", Text(link))
}

fn table(caption: &str, rows: &str, access: Access) -> String {
    if rows.is_empty() {
        return "<p class=\"soft\">None.</p>".to_owned();
    }
    let end = if access == Access::Ending { "<th scope=\"col\">End</th>" } else { "" };
    format!(
        "<div class=\"scrolls\"><table><caption>{}</caption><thead><tr><th scope=\"col\">Session</th><th scope=\"col\">User</th>\
         <th scope=\"col\">Label</th><th scope=\"col\">Began</th><th scope=\"col\">Last seen</th><th scope=\"col\">Ends</th>{end}</tr></thead>\
         <tbody>{rows}</tbody></table></div>",
        Text(caption)
    )
}

fn row(session: &StoredSession, access: Access) -> String {
    match &session.found {
        Ok(loaded) => meta_row(session.public_id, loaded.record.meta(), access),
        Err(why) => format!(
            "<tr><td>{}</td><td colspan=\"5\" class=\"alarm\">{}</td></tr>",
            session_link(session.public_id),
            why_unreadable(*why)
        ),
    }
}

fn meta_row(id: PublicId, meta: &Meta, access: Access) -> String {
    let end = if access == Access::Ending {
        format!("<td>{}</td>", end_button(id, meta.principal.as_ref()))
    } else {
        String::new()
    };
    format!(
        "<tr><td>{session}</td><td>{user}</td><td>{label}</td><td>{began}</td><td>{seen}</td><td>{ends}</td>{end}</tr>",
        session = session_link(id),
        user = meta.principal.as_ref().map_or_else(|| "–".to_owned(), user_link),
        label = Text(label(meta.label.as_ref())),
        began = time(meta.created),
        seen = time(meta.touched),
        ends = time(meta.expires()),
    )
}

fn session_link(id: PublicId) -> String {
    format!("<a href=\"{}\"><code>{id}</code></a>", link("session", "id", id))
}

fn user_link(principal: &Principal) -> String {
    let text = principal.as_str();
    format!("<a href=\"{}\"><code>{}</code></a>", link("user", "of", text), Text(text))
}

/// A button that ends one session, if it still is one of this user.
fn end_button(id: PublicId, of: Option<&Principal>) -> String {
    let of = of.map_or_else(String::new, |of| {
        format!("<input type=\"hidden\" name=\"of\" value=\"{}\">", Text(of.as_str()))
    });
    format!(
        "<form method=\"post\" action=\"end\">{of}<button class=\"end\" name=\"id\" value=\"{id}\" aria-label=\"End session {id}\">End</button></form>"
    )
}

const fn why_unreadable(why: StoreErrorKind) -> &'static str {
    match why {
        StoreErrorKind::TooNew => {
            "Stored by a later release of actix-typed-session, which this one cannot read."
        }
        _ => "The record is damaged.",
    }
}

fn label(label: Option<&Arc<str>>) -> String {
    label.map_or_else(|| "–".to_owned(), ToString::to_string)
}

/// A time for people, with the same for machines.
fn time(time: Timestamp) -> String {
    let text = time.to_string();
    let shown = text.replace('T', " ").replace('Z', " UTC");
    format!("<time datetime=\"{text}\">{shown}</time>")
}

/// A duration in its largest whole unit.
fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7200 => (seconds / 60, "minute"),
        7200..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86400, "day"),
    };
    format!("{} {unit}{}", number(count), if count == 1 { "" } else { "s" })
}
