//! What the operator of a large fleet asks for, and whether it holds.
//!
//! In: figures of this run. Out: a table with a verdict for each wish. Never: a figure that was not measured here.

use super::{facts::MEBIBYTES, user::Row};
use crate::report::table;

/// In milliseconds, what is asked of a page, a count, and a sign-in.
const SOON: f64 = 50.0;

/// In milliseconds, what a script or a lock may take in which everybody else waits.
const SHORT: f64 = 5.0;

pub(super) struct Asked {
    wish: String,
    figure: String,
    holds: bool,
}

impl Asked {
    fn new(wish: impl Into<String>, figure: impl Into<String>, holds: bool) -> Self {
        Self { wish: wish.into(), figure: figure.into(), holds }
    }

    /// Of all stores, the slowest.
    fn within(wish: impl Into<String>, limit: f64, rows: &[Row], took: impl Fn(&Row) -> f64) -> Self {
        let slowest = rows.iter().max_by(|a, b| took(a).total_cmp(&took(b)));
        let (store, took) = slowest.map_or(("", 0.0), |row| (row.store(), took(row)));
        Self::new(wish, format!("{took:.1} ms ({store})"), took <= limit)
    }

    pub(super) fn of_users(rows: &[Row], many: u32) -> Vec<Self> {
        vec![
            Self::within(
                format!("{many} sessions of one user: each page of 50 within {SOON} ms"),
                SOON,
                rows,
                Row::page,
            ),
            Self::within(format!("The same: the count within {SOON} ms"), SOON, rows, Row::count),
            Self::within(
                format!("The same: a sign-in with a maximum of 100 within {SOON} ms"),
                SOON,
                rows,
                Row::limited_sign_in,
            ),
            Self::within(
                format!(
                    "The same, in memory: whatever is asked, others wait for no lock longer than {SHORT} ms"
                ),
                SHORT,
                rows.get(..1).unwrap_or_default(),
                Row::others,
            ),
        ]
    }

    pub(super) fn connections(connections: usize) -> Self {
        let wish =
            "Connections to Redis: few for each process, a number that is stated (9 at most) and can be set";
        Self::new(wish, connections.to_string(), connections <= 9)
    }

    pub(super) fn doomed(longest: f64, sessions: u32) -> Self {
        let wish = format!("{sessions} sessions of one user end in Redis: no script over {SHORT} ms");
        Self::new(wish, format!("{longest:.1} ms"), longest <= SHORT)
    }

    pub(super) fn sign_ins((store, others): (&str, f64)) -> Self {
        let wish = format!(
            "100 overlapping sign-ins of one user with a maximum: others are served within {SOON} ms"
        );
        Self::new(wish, format!("{others:.1} ms ({store})"), others <= SOON)
    }

    pub(super) fn memory(grown: u64) -> Self {
        let wish =
            "Memory that is full: its bound is in bytes, and users sign in, for whom anonymous sessions end";
        Self::new(
            wish,
            format!("{grown} of {MEBIBYTES} MiB, and all 1,000 signed in"),
            grown <= MEBIBYTES as u64,
        )
    }

    pub(super) fn releases(as_it_should: bool) -> Self {
        let wish =
            "SQLite: a release opens files of earlier ones and of those later ones that say that it can";
        Self::new(wish, "see below", as_it_should)
    }

    pub(super) fn table(all: &[Self]) -> String {
        let row = |one: &Self| {
            vec![one.wish.clone(), one.figure.clone(), if one.holds { "yes" } else { "no" }.to_owned()]
        };
        table(&["Asked for", "Measured", "Holds"], 3, &all.iter().map(row).collect::<Vec<_>>())
    }
}
