//! How the servers are set.
//!
//! In: what the servers answer to CONFIG. Out: warnings in the log. Never: a change of a setting.

use redis::Value;

use super::{driver::Driver, url::Endpoint};

impl Driver {
    /// A server that may evict sessions logs people out when it is full, those first who are least seen. The default policy,
    /// `noeviction`, refuses new sessions instead. Where CONFIG is forbidden, as at many providers, nobody can tell.
    ///
    /// One that keeps snapshots and no log comes back from a crash as it was at the last of them.
    pub(super) async fn look_at_settings(&self) {
        for server in self.masters().await.unwrap_or_default() {
            self.look_at_settings_of(&server).await;
        }
    }

    async fn look_at_settings_of(&self, server: &Endpoint) {
        match self.setting(server, "maxmemory-policy").await {
            Some(policy) if policy != "noeviction" => tracing::warn!(
                %server,
                policy,
                "the Redis server may evict sessions when its memory is full, which logs people out; set \
                 `maxmemory-policy noeviction`, and give sessions a server of their own"
            ),
            Some(_) => {}
            None => {
                tracing::info!(
                    %server,
                    "the Redis server does not say its `maxmemory-policy`; see that it is `noeviction`"
                );
            }
        }
        let snapshots = self.setting(server, "save").await.is_some_and(|save| !save.is_empty());
        if snapshots && self.setting(server, "appendonly").await.is_some_and(|appends| appends == "no") {
            tracing::warn!(
                %server,
                "the Redis server keeps snapshots and no log: after a crash, sessions that were signed out since the last \
                 snapshot are live again; set `appendonly yes`"
            );
        }
    }

    async fn setting(&self, server: &Endpoint, name: &str) -> Option<String> {
        let mut question = redis::cmd("CONFIG");
        question.arg("GET").arg(name);
        let Ok(Value::Array(pair)) = self.ask(server, &question).await else { return None };
        let Some(Value::BulkString(value)) = pair.get(1) else { return None };
        Some(String::from_utf8_lossy(value).into_owned())
    }
}
