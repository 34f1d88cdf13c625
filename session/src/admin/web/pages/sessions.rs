//! The pages of sessions: a list, those of one user, and one session.

use std::{fmt::Write, sync::Arc};

use super::super::{
    html::{Text, link, page},
    words::{count_of, distance, number, span, time},
};
use crate::{
    id::public::PublicId,
    record::{
        meta::{Meta, Principal},
        time::Timestamp,
    },
    store::{
        contract::Loaded,
        error::StoreErrorKind,
        index::{Listed, Page},
        scan::Cursor,
    },
    tools::walk::StoredSession,
};

/// Whether the pages have buttons that end sessions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    Reading,
    Ending,
}

/// Live sessions, some of them.
pub(crate) fn sessions(
    list: &[StoredSession],
    next: Option<&Cursor>,
    now: Timestamp,
    notice: Option<&str>,
) -> String {
    let rows: String = list.iter().map(|session| row(session, now)).collect();
    let more = next.map_or_else(String::new, |next| more(&link("./", "from", next.as_str())));
    let heads = ["Session", "User", "Times"];
    page("Live sessions", notice, &format!("{}{more}", table("In the order of the store", &heads, &rows)))
}

/// The sessions of one user.
pub(crate) fn user(
    principal: &Principal,
    count: u64,
    list: &Page,
    now: Timestamp,
    access: Access,
    notice: Option<&str>,
) -> String {
    let of = link("user", "of", principal.as_str());
    let more = list.next.as_ref().map_or_else(String::new, |next| {
        more(&format!("{of}&{}", &link("", "after", PublicId::of(*next))[1..]))
    });
    let rows: String = list.sessions.iter().map(|listed| user_row(principal, listed, now, access)).collect();
    let (heads, all): (&[_], _) = match access {
        Access::Reading => (&["Session", "Times"], String::new()),
        Access::Ending => (&["Session", "Times", "End"], end_all_button(principal, count)),
    };
    let caption = format!("{} of this user", count_of(count, "session"));
    let title = format!("User {}", principal.as_str());
    page(&title, notice, &format!("{}{more}{all}", table(&caption, heads, &rows)))
}

/// One session.
pub(crate) fn session(id: PublicId, loaded: &Loaded, access: Access) -> String {
    let (record, meta) = (&loaded.record, loaded.record.meta());
    let facts = [
        ("User", meta.principal.as_ref().map_or_else(|| "nobody".to_owned(), user_link)),
        ("Label", Text(label(meta.label.as_ref())).to_string()),
        ("Began", time(meta.created)),
        ("Signed in", meta.authenticated.map_or_else(|| "–".to_owned(), time)),
        ("Last seen", time(meta.touched)),
        ("Ends without a request", time(meta.expires())),
        ("Id renewed", time(meta.renewed)),
        ("Idle timeout", span(meta.limits.idle)),
        ("Absolute timeout", span(meta.limits.absolute)),
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
        "<div class=\"card\"><table><caption>What is known of the session</caption><tbody>{facts}</tbody></table></div>
<h2>Fields</h2>
<div class=\"card\"><table><caption>{size} bytes in all, revision {revision}; values are not shown</caption>
<thead><tr><th scope=\"col\">Wire key</th><th scope=\"col\" class=\"number\">Bytes</th><th scope=\"col\" class=\"number\">Revision</th></tr></thead>
<tbody>{cells}</tbody></table></div>
{end}",
        size = number(u64::try_from(record.size()).unwrap_or(u64::MAX)),
        revision = meta.revision,
    );
    page(&format!("Session {id}"), None, &contents)
}

/// A session of that public id is not there.
pub(crate) fn no_session(id: PublicId) -> String {
    let text = "<p>There is no such session: it has ended, or never was one.</p>";
    page(&format!("Session {id}"), None, text)
}

/// A session that cannot be read, and can be ended all the same.
pub(crate) fn unreadable(id: PublicId, why: StoreErrorKind, access: Access) -> String {
    let end = if access == Access::Ending { end_button(id, None) } else { String::new() };
    page(&format!("Session {id}"), None, &format!("<p class=\"alarm\">{}</p>{end}", why_unreadable(why)))
}

fn more(link: &str) -> String {
    format!("<p><a href=\"{}\" rel=\"next\">More sessions</a></p>", Text(link))
}

fn table(caption: &str, heads: &[&str], rows: &str) -> String {
    if rows.is_empty() {
        return "<p class=\"soft\">None.</p>".to_owned();
    }
    let heads: String = heads.iter().map(column).collect();
    format!(
        "<div class=\"card\"><table><caption>{}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>",
        Text(caption)
    )
}

fn column(head: &&str) -> String {
    format!("<th scope=\"col\">{head}</th>")
}

fn user_row(principal: &Principal, listed: &Listed, now: Timestamp, access: Access) -> String {
    let id = listed.public_id();
    let end = match access {
        Access::Ending => format!("<td>{}</td>", end_button(id, Some(principal))),
        Access::Reading => String::new(),
    };
    format!("<tr>{}{}{end}</tr>", session_cell(id, &listed.meta), times_cell(&listed.meta, now))
}

fn row(session: &StoredSession, now: Timestamp) -> String {
    match &session.found {
        Ok(loaded) => {
            let meta = loaded.record.meta();
            let user = meta.principal.as_ref().map_or_else(|| "–".to_owned(), user_link);
            format!(
                "<tr>{}<td>{user}</td>{}</tr>",
                session_cell(session.public_id, meta),
                times_cell(meta, now)
            )
        }
        Err(why) => format!(
            "<tr><td>{}</td><td colspan=\"2\" class=\"alarm\">{}</td></tr>",
            session_link(session.public_id),
            why_unreadable(*why)
        ),
    }
}

fn session_cell(id: PublicId, meta: &Meta) -> String {
    format!("<td>{}<br><small>{}</small></td>", session_link(id), Text(label(meta.label.as_ref())))
}

/// Lists are about how long ago; the page of a session has the times themselves.
fn times_cell(meta: &Meta, now: Timestamp) -> String {
    format!(
        "<td>seen {}<br><small>began {}, ends {}</small></td>",
        distance(now, meta.touched),
        distance(now, meta.created),
        distance(now, meta.expires()),
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
    let of = of.map_or_else(String::new, of_field);
    format!(
        "<form method=\"post\" action=\"end\">{of}<button class=\"end\" name=\"id\" value=\"{id}\" aria-label=\"End session {id}\">End</button></form>"
    )
}

fn end_all_button(of: &Principal, count: u64) -> String {
    if count == 0 {
        return String::new();
    }
    format!(
        "<form method=\"post\" action=\"end-all\">{}<button class=\"end\">End all sessions of this user</button></form>",
        of_field(of)
    )
}

fn of_field(of: &Principal) -> String {
    format!("<input type=\"hidden\" name=\"of\" value=\"{}\">", Text(of.as_str()))
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
