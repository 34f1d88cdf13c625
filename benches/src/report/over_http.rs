//! The sections about requests over HTTP.

use std::{error::Error, path::Path};

use super::{
    name,
    plot::{self, Bar},
    table,
};
use crate::{
    http::{behind::Behind, load::Case, writers::Writers},
    servers::apps::App,
    size::USUAL,
    stats::Spread,
};

/// Requests per second of every server.
pub(crate) fn load(cases: &[Case], folder: &Path) -> Result<String, Box<dyn Error>> {
    let find = |app: App, kind: &str, size| {
        cases.iter().find(|case| case.app == app && case.kind == kind && case.size == size)
    };
    let (mut rows, mut bars) = (Vec::new(), Vec::new());
    for case in cases {
        let framework = match case.app {
            App::BareAxum | App::TowerMemory | App::TowerRedis | App::TowerPostgres => App::BareAxum,
            _ => App::BareActix,
        };
        let overhead = find(framework, "untouched", USUAL).map(|bare| case.overhead(bare));
        let overhead = overhead.filter(|_| !matches!(case.app, App::BareActix | App::BareAxum));
        // Only what is stored in the same place is compared.
        let ratio = find(App::ActixSessionRedis, case.kind, case.size)
            .filter(|_| case.app == App::Ours && case.store == "Redis")
            .map(|theirs| case.ratio(theirs));
        if let Some(ratio) = ratio {
            let label = format!("{}, {}", case.kind, case.size);
            bars.push(Bar { label, value: ratio, colour: usize::from(case.size != USUAL) });
        }
        let text = |spread: Option<Spread>, digits: usize| {
            spread.map_or(String::new(), |Spread { median, least, greatest }| {
                format!("{median:.digits$} ({least:.digits$} to {greatest:.digits$})")
            })
        };
        rows.push(vec![
            name(case.app).to_owned(),
            case.store.to_owned(),
            case.size.to_string(),
            case.kind.to_owned(),
            format!("{:.0}", case.rate().median),
            text(overhead, 1),
            text(ratio, 2),
        ]);
    }
    let head = [
        "",
        "store",
        "size",
        "request",
        "requests/s",
        "CPU µs over its own framework",
        "ratio to actix-session",
    ];
    plot::bars(&folder.join("http.svg"), "Requests per second on Redis, as a ratio to actix-session", &bars)?;
    Ok(format!(
        "## Over HTTP\n\nRequests per second at full load, over 16 connections, each request in one of 64 sessions, and the ratio to actix-session on the same database: medians of all rounds, with the least and the greatest. \
         One worker has one core for itself; the load generator and the databases have the others. What a request takes over a \
         bare handler of its own framework is CPU time of the server's process. tower-sessions runs on axum, so \
         only that column can be compared with it. The cookie store of actix-session needs no database and sends the whole \
         session with each request, encrypted; it cannot end a session on the server. That comparison favours actix-session by its \
         nature. Reads of large sessions favour this crate by theirs: the state has at most 20 fields of its own and decodes those, \
         while actix-session decodes every entry of the session. The texts are words; PostgreSQL compresses what is large, so its log \
         depends on them.\n\n{}\n![Ratios over HTTP](benchmarks/http.svg)\n\n",
        table(&head, 4, &rows)
    ))
}

/// What happens behind the servers.
pub(crate) fn behind(all: &[Behind]) -> String {
    let number =
        |value: f64, digits: usize| if value.is_nan() { String::new() } else { format!("{value:.digits$}") };
    let maybe =
        |value: Option<f64>, digits: usize| value.map_or(String::new(), |value| number(value, digits));
    let rows: Vec<_> = all
        .iter()
        .map(|one| {
            vec![
                name(one.app).to_owned(),
                one.store.to_owned(),
                one.size.to_string(),
                one.kind.to_owned(),
                number(one.round_trips, 2),
                number(one.sent, 0),
                number(one.received, 0),
                maybe(one.busy, 1),
                maybe(one.replicated, 0),
                maybe(one.logged, 0),
            ]
        })
        .collect();
    let head = [
        "",
        "store",
        "size",
        "request",
        "round trips",
        "bytes sent",
        "bytes received",
        "µs in Redis",
        "bytes replicated",
        "bytes of WAL",
    ];
    format!(
        "## Behind the server\n\nWhat one request costs on the wire to the database, and in it: averages over requests one after the other. \
         Redis reports its time, with 16 requests at a time and a core for itself, for `set` that of the command or script that writes; bytes are those to a replica. A `touch` is the \
         store's own, without a request.\n\n{}\n",
        table(&head, 4, &rows)
    )
}

/// Many writers.
pub(crate) fn writers(all: &[Writers], folder: &Path) -> Result<String, Box<dyn Error>> {
    let (mut rows, mut bars) = (Vec::new(), Vec::new());
    for one in all {
        let sessions = if one.together { "one" } else { "each its own" };
        rows.push(vec![
            name(one.app).to_owned(),
            one.store.to_owned(),
            one.count.to_string(),
            sessions.to_owned(),
            format!("{:.0}", one.rate().median),
            format!("{:.1} %", one.kept * 100.0),
            one.calls.map_or(String::new(), |calls| format!("{calls:.2}")),
        ]);
        if one.count == 64 && one.together {
            let label = format!("{}, {}", name(one.app), one.store);
            let kept = one.kept * 100.0;
            let value = Spread { median: kept, least: kept, greatest: kept };
            bars.push(Bar { label, value, colour: usize::from(one.app != App::Ours) });
        }
    }
    plot::bars(&folder.join("writers.svg"), "64 writers of one session: additions kept, in percent", &bars)?;
    let head = ["", "store", "writers", "sessions", "additions/s", "kept", "store calls a request"];
    Ok(format!(
        "## Many writers\n\nEach writer adds one to a number in the session, request after request. At the end, the number is read: `kept` \
         is the share of the acknowledged additions that are in it, the least of all rounds.\n\n{}\n![Additions kept](benchmarks/writers.svg)\n\n",
        table(&head, 4, &rows)
    ))
}
