//! Warnings about servers that are not configured for sessions.
//!
//! In: the servers' answers to CONFIG GET and INFO. Out: log messages. Never changes a setting.

use super::{driver::Driver, endpoint::Endpoint, resp::Reply};

impl Driver {
    /// Checks every server for two settings that break promises.
    ///
    /// With a `maxmemory-policy` other than `noeviction`, a full server evicts sessions and so logs users out, where it should refuse new
    /// sessions. With snapshots and no append-only file, a server comes back from a crash as it was at the last snapshot, where
    /// sessions that were signed out since are live again (G3). Many providers forbid CONFIG; INFO tells nearly the same.
    pub(super) async fn check_settings(&self) {
        for server in self.masters().await.unwrap_or_default() {
            self.check_settings_of(&server).await;
        }
    }

    async fn check_settings_of(&self, server: &Endpoint) {
        let setting = |name| self.setting(server, name);
        let [policy, save, appends] =
            [setting("maxmemory-policy").await, setting("save").await, setting("appendonly").await];
        let info = if policy.is_none() { Info::of(self, server).await } else { Info::default() };
        match policy.as_deref().or_else(|| info.value("maxmemory_policy")) {
            Some(policy) if policy != "noeviction" => tracing::warn!(
                %server,
                policy,
                "the Redis server may evict sessions when its memory is full, which logs users out; set \
                 `maxmemory-policy noeviction`, and keep other data on another server"
            ),
            Some(_) if policy.is_some() => {}
            seen => tracing::info!(
                %server,
                policy = seen,
                "the Redis server does not tell its settings by CONFIG, only some of them by INFO; check that its `maxmemory-policy` is \
                 `noeviction`, and that it appends to a file"
            ),
        }
        // Without CONFIG it is not known whether snapshots are planned, but whether there were any.
        let snapshots = match save {
            Some(save) => !save.is_empty(),
            None => info.value("rdb_saves").is_some_and(|saves| saves != "0"),
        };
        if snapshots && (appends.as_deref() == Some("no") || info.value("aof_enabled") == Some("0")) {
            tracing::warn!(
                %server,
                "the Redis server keeps snapshots but no append-only file, so after a crash, sessions that were signed \
                 out since the last snapshot are live again; set `appendonly yes`"
            );
        }
    }

    async fn setting(&self, server: &Endpoint, name: &str) -> Option<String> {
        let Ok(Reply::Array(pair)) = self.ask(server, &["CONFIG", "GET", name]).await else { return None };
        let Some(Reply::BulkString(value)) = pair.get(1) else { return None };
        Some(String::from_utf8_lossy(value).into_owned())
    }
}

/// A server's answer to INFO; empty if it gives none.
#[derive(Default)]
struct Info(String);

impl Info {
    async fn of(driver: &Driver, server: &Endpoint) -> Self {
        match driver.ask(server, &["INFO"]).await {
            Ok(Reply::BulkString(text)) => Self(String::from_utf8_lossy(&text).into_owned()),
            _ => Self::default(),
        }
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    }
}
