//! The load generator: [wrk](https://github.com/wg/wrk).
//!
//! It shares its core with the databases, so the lightest one disturbs least: a thread of wrk sends several times as many requests as
//! generators in Rust on hyper (oha, rewrk), which would wait for themselves here. Debian and Homebrew package it.

use std::{error::Error, fmt::Write as _, fs, path::PathBuf, process::Command, time::Duration};

use crate::servers::child::find;

pub(crate) const CONNECTIONS: u32 = 16;

pub(crate) fn program() -> Option<PathBuf> {
    find("wrk", [])
}

/// What a server did under load.
pub(crate) struct Load {
    /// Requests per second.
    pub(crate) rate: f64,
    pub(crate) requests: f64,
}

/// Sends each of `cookies` in turn, as wrk's own `--header` cannot.
fn script(cookies: &[String]) -> String {
    let mut text = "local requests, at = {}, 0\nfunction init()\n".to_owned();
    for cookie in cookies {
        let _ = writeln!(text, "  requests[#requests + 1] = wrk.format(nil, nil, {{Cookie = {cookie:?}}})");
    }
    text.push_str("end\nfunction request()\n  at = at % #requests + 1\n  return requests[at]\nend\n");
    text
}

/// Loads a server. One answer that is no success is an error.
pub(crate) fn load(
    port: u16,
    path: &str,
    cookies: &[String],
    time: Duration,
) -> Result<Load, Box<dyn Error>> {
    let wrk = program().ok_or("wrk is missing; run: apt-get install wrk")?;
    let mut command = Command::new(wrk);
    command.args(["--threads", "1", "--connections", &CONNECTIONS.to_string()]);
    // wrk takes whole seconds.
    command.args(["--duration", &format!("{}s", time.as_secs().max(1))]);
    let folder = tempfile::tempdir()?;
    if !cookies.is_empty() {
        let file = folder.path().join("cookies.lua");
        fs::write(&file, script(cookies))?;
        command.arg("--script").arg(file);
    }
    let output = command.arg(format!("http://127.0.0.1:{port}{path}")).output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    let bad = told.contains("Non-2xx") || told.contains("Socket errors") || !output.status.success();
    let rate = told.lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse::<f64>().ok());
    let requests =
        told.lines().find_map(|line| line.trim().split_once(" requests in ")?.0.parse::<f64>().ok());
    match rate.zip(requests) {
        Some((rate, requests)) if !bad && requests > 0.0 => Ok(Load { rate, requests }),
        _ => Err(format!("{path}: {told}{}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}
