//! Warnings about servers that are not configured for sessions.
//!
//! In: the servers' answers to CONFIG GET. Out: log messages. Never changes a setting.

use super::{driver::Driver, resp::Reply, url::Endpoint};

impl Driver {
    /// Checks every server for two settings that break promises.
    ///
    /// With a `maxmemory-policy` other than `noeviction`, a full server evicts sessions and so logs users out, where it should refuse new
    /// sessions. With snapshots and no append-only file, a server comes back from a crash as it was at the last snapshot, where
    /// sessions that were signed out since are live again (G3). Many providers forbid CONFIG; then neither can be checked.
    pub(super) async fn check_settings(&self) {
        for server in self.masters().await.unwrap_or_default() {
            self.check_settings_of(&server).await;
        }
    }

    async fn check_settings_of(&self, server: &Endpoint) {
        match self.setting(server, "maxmemory-policy").await {
            Some(policy) if policy != "noeviction" => tracing::warn!(
                %server,
                policy,
                "the Redis server may evict sessions when its memory is full, which logs users out; set \
                 `maxmemory-policy noeviction`, and keep other data on another server"
            ),
            Some(_) => {}
            None => {
                tracing::info!(
                    %server,
                    "the Redis server does not tell its `maxmemory-policy`; check that it is `noeviction`"
                );
            }
        }
        let snapshots = self.setting(server, "save").await.is_some_and(|save| !save.is_empty());
        if snapshots && self.setting(server, "appendonly").await.is_some_and(|appends| appends == "no") {
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
