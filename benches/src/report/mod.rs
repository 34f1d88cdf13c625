//! What a run found, as Markdown with plots.
//!
//! In: the figures. Out: one section for each part, and SVG files in a folder. Never decides whether a figure is good.

pub(crate) mod plot;
pub(crate) mod machine;
pub(crate) mod in_process;
pub(crate) mod over_http;
pub(crate) mod budgets;

use std::fmt::Write as _;

use crate::servers::apps::App;

/// The name of a server in tables.
pub(crate) const fn name(app: App) -> &'static str {
    match app {
        App::BareActix => "actix-web alone",
        App::Ours => "actix-typed-session",
        App::ActixSessionRedis | App::ActixSessionCookie => "actix-session",
        App::BareAxum => "axum alone",
        App::TowerMemory | App::TowerRedis | App::TowerPostgres => "tower-sessions",
    }
}

/// A table whose first columns are words and whose other columns are numbers.
pub(crate) fn table(head: &[&str], words: usize, rows: &[Vec<String>]) -> String {
    let mut text = format!("| {} |\n|", head.join(" | "));
    for column in 0..head.len() {
        text.push_str(if column < words { "---|" } else { "---:|" });
    }
    text.push('\n');
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}
