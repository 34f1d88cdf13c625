//! Opening a store: whether there is a server, and whether the user may do there what the store does.
//!
//! In: [`RedisOptions`]. Out: a [`RedisStore`], or [`OpenError`], which says what to do. Never: a write.

use std::{borrow::Cow, error::Error, sync::Arc};

use super::{
    dial::NoConnection,
    failure::Failure,
    layout,
    options::{OpenError, RedisOptions},
    resp::{Reply, ServerError},
    script::{Call, RIGHTS},
    store::RedisStore,
    url::check_prefix,
};
use crate::store::patience::patiently;

/// What the store does to a record, and what it does to an index, each with arguments that change nothing without such a Redis key.
const ON_RECORD: [&str; 12] = [
    "TIME",
    "EXISTS",
    "TYPE",
    "HGET @h",
    "HGETALL",
    "HMGET @h",
    // The value of the second field is missing, which Redis notices after it has looked at the user's rights.
    "HSET @h 0 @m",
    "HDEL @h",
    "DEL",
    "PEXPIRE 1",
    "PEXPIREAT 1",
    "PTTL",
];
const ON_INDEX: [&str; 7] =
    ["ZADD XX 0 -", "ZREM -", "ZSCORE -", "ZCARD", "ZRANGE 0 0", "ZRANGEBYLEX - +", "ZRANDMEMBER 1"];

impl RedisOptions {
    /// Connects, and logs a warning about every server that is configured to evict sessions or to forget logouts.
    ///
    /// # Errors
    /// When the prefix is not valid, the system has no certificates for TLS, no server answers, or it is a replica, too old, or one node
    /// of a cluster whose URL says that it is the only server; and when the user lacks rights, with the statement that grants them.
    pub async fn open(self) -> Result<RedisStore, OpenError> {
        check_prefix(&self.prefix)?;
        let driver = self.driver()?;
        let user = self.user().to_owned();
        let store = RedisStore { driver: Arc::new(driver), prefix: self.prefix.into() };
        let reach = || store.reach();
        let reached = patiently(self.startup_timeout, |error| is_for_the_moment(&**error), reach).await;
        let lacking = reached.map_err(OpenError::Unreachable)?;
        if !lacking.is_empty() {
            let prefix = store.prefix.to_string();
            let rights: Vec<_> = lacking.iter().map(|name| "+".to_owned() + &name.to_lowercase()).collect();
            let statement = format!("ACL SETUSER {user} ~{prefix}* {}", rights.join(" "));
            return Err(OpenError::Rights { prefix, statement });
        }
        store.driver.check_settings().await;
        Ok(store)
    }
}

/// Whether the servers may only not be there yet.
fn is_for_the_moment(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    match (error.downcast_ref::<NoConnection>(), error.downcast_ref::<ServerError>()) {
        (Some(none), _) => none.is_for_the_moment(),
        (_, Some(refused)) => ["LOADING", "MASTERDOWN", "READONLY"].contains(&refused.code()),
        _ => true,
    }
}

impl RedisStore {
    /// The commands that the user may not run; an error if there is no server. In a cluster, one server is enough.
    async fn reach(&self) -> Result<Vec<Cow<'static, str>>, Box<dyn Error + Send + Sync>> {
        let Self { driver, prefix } = self;
        if driver.topology.is_cluster() {
            driver.topology.server_of(prefix, &driver.links).await?;
            return Ok(self.lacking().await.unwrap_or_default());
        }
        self.lacking().await.map_err(Failure::into_source)
    }

    async fn lacking(&self) -> Result<Vec<Cow<'static, str>>, Failure> {
        // No id is written like this, so there is never such a Redis key.
        let record = self.record_prefix() + "-";
        let index = self.index_prefix() + "-";
        let ask = |key, commands: &[&'static str]| {
            Call::script(&RIGHTS, key, commands.iter().map(|command| (*command).into()).collect())
        };
        // The last one is needed where a server does not know a script.
        let calls = [
            (ask(record.clone(), &ON_RECORD), "EVALSHA", &ON_RECORD[..]),
            (ask(index, &ON_INDEX), "EVALSHA", &ON_INDEX[..]),
            (Call::code("return 0", record), "EVAL", &[]),
        ];
        let mut lacking = Vec::new();
        for (call, name, within) in calls {
            match self.driver.call(&call).await {
                Ok(Reply::Array(names)) => {
                    lacking.extend(names.iter().filter_map(layout::text).map(|name| name.to_owned().into()));
                }
                Ok(_) => {}
                // It says nothing about the commands in the script.
                Err(Failure::NotDone(refused)) if is_for_want_of_rights(&*refused) => {
                    let within = within.iter().filter_map(|command| command.split(' ').next());
                    lacking.extend([name].into_iter().chain(within).map(Cow::Borrowed));
                }
                Err(failure) => return Err(failure),
            }
        }
        lacking.sort_unstable();
        lacking.dedup();
        Ok(lacking)
    }
}

fn is_for_want_of_rights(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    error.downcast_ref::<ServerError>().is_some_and(|error| error.code() == "NOPERM")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test that cannot go on fails

    use std::{collections::BTreeSet, fs};

    use super::*;

    #[test]
    fn every_command_of_a_script_is_asked_for() {
        let asked: Vec<_> =
            ON_RECORD.iter().chain(&ON_INDEX).filter_map(|command| command.split(' ').next()).collect();
        let mut sent = BTreeSet::new();
        for script in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/redis/lua")).unwrap() {
            let script = fs::read_to_string(script.unwrap().path()).unwrap();
            let names = script.split("('").skip(1).filter_map(|part| part.split('\'').next());
            let is_command =
                |name: &&str| name.len() > 2 && name.bytes().all(|byte| byte.is_ascii_uppercase());
            sent.extend(names.filter(is_command).map(str::to_owned));
        }
        let asked: BTreeSet<String> = asked.into_iter().map(str::to_owned).collect();
        assert_eq!(asked, sent);
    }
}
