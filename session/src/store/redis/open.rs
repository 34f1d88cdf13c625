//! Opening a store: whether there is a server, and whether the user may do there what the store does.
//!
//! In: [`RedisOptions`]. Out: a [`RedisStore`], or [`OpenError`], which says what to do. Never: a write.

use std::{error::Error, sync::Arc};

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

/// What the store does to a Redis key with a record, and to one with an index, with arguments that change nothing if there is no such key. What it
/// does to both is in the first list.
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
    /// Connects, asks whether the user may do what the store does, and logs a warning about every primary that is configured to evict sessions or
    /// to forget logouts.
    ///
    /// # Errors
    /// When the prefix is not valid, the system has no certificates for TLS, no server answers, or it is a replica, too old, or one node
    /// of a cluster whose URL says that it is the only server; and when the user lacks rights, which the message names.
    pub async fn open(self) -> Result<RedisStore, OpenError> {
        check_prefix(&self.prefix)?;
        let driver = self.driver()?;
        let user = self.user().to_owned();
        let store = RedisStore { driver: Arc::new(driver), prefix: self.prefix.into() };
        let reach = || store.reach();
        let reached = patiently(self.startup_timeout, |error| is_for_the_moment(&**error), reach).await;
        reached.map_err(OpenError::Unreachable)?;
        let lacking = store.lacking().await?;
        if !lacking.is_empty() {
            return Err(OpenError::Rights { user, rights: lacking.join(" ") });
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
    /// Checks that a server answers. In a cluster, one is enough.
    async fn reach(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        let Self { driver, prefix } = self;
        if driver.topology.is_cluster() {
            return Ok(driver.topology.server_of(prefix, &driver.links).await.map(drop)?);
        }
        match driver.call(&Call::command("EXISTS", self.no_record(), Vec::new())).await {
            // That is looked at next.
            Err(Failure::NotDone(refused)) if server_error(&*refused).is_some_and(is_for_want_of_rights) => {
                Ok(())
            }
            answer => answer.map(drop).map_err(Failure::into_source),
        }
    }

    /// The rights that the user lacks, as an ACL has them. What a server does not tell at this moment is taken for granted.
    async fn lacking(&self) -> Result<Vec<String>, OpenError> {
        let arguments =
            |commands: &[&'static str]| commands.iter().map(|command| (*command).into()).collect();
        // The store sends scripts by their hash, and in full to a server that does not know them.
        let mut calls = vec![
            ("EVAL", Call::in_full(&RIGHTS, self.no_record(), arguments(&ON_RECORD))),
            ("EVALSHA", Call::script(&RIGHTS, self.index_prefix() + "-", arguments(&ON_INDEX))),
        ];
        if self.driver.wait.is_some() {
            calls.push(("WAIT", Call::command("WAIT", "0".to_owned(), vec!["1".into()])));
        }
        let right_to = |command: &str| format!("+{}", command.to_lowercase());
        let mut lacking = Vec::new();
        for (name, call) in calls {
            match self.driver.call(&call).await {
                Ok(Reply::Array(names)) => {
                    lacking.extend(names.iter().filter_map(layout::text).map(right_to));
                }
                Err(Failure::NotDone(refused)) => match server_error(&*refused) {
                    Some(error) if is_for_want_of_rights(error) => {
                        let right = command_in(error.text()).map(right_to);
                        lacking.push(right.unwrap_or_else(|| format!("~{}*", glob(&self.prefix))));
                    }
                    Some(error) if error.text().starts_with("ERR unknown command") => {
                        return Err(OpenError::Unknown(name.to_owned()));
                    }
                    _ => {}
                },
                Ok(_) | Err(_) => {}
            }
        }
        lacking.sort_unstable();
        lacking.dedup();
        Ok(lacking)
    }

    /// A Redis key like that of a record. No id is written like this, so there is none.
    fn no_record(&self) -> String {
        self.record_prefix() + "-"
    }
}

fn server_error<'e>(error: &'e (dyn Error + Send + Sync + 'static)) -> Option<&'e ServerError> {
    error.downcast_ref()
}

fn is_for_want_of_rights(error: &ServerError) -> bool {
    error.code() == "NOPERM"
}

/// The command that a user may not run, if the error is about one and not about a Redis key.
fn command_in(text: &str) -> Option<&str> {
    text.split_once("to run the '")?.1.split('\'').next()
}

/// A glob pattern that matches exactly `text`.
pub(super) fn glob(text: &str) -> String {
    let special = |character| matches!(character, '*' | '?' | '[' | ']' | '\\');
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test that cannot go on fails

    use std::{collections::BTreeSet, fs};

    use super::*;

    /// As Redis 6.2, 7.0 and 7.2 write it.
    #[test]
    fn an_error_names_the_command_or_is_about_a_redis_key() {
        for text in [
            "NOPERM this user has no permissions to run the 'evalsha' command or its subcommand",
            "NOPERM this user has no permissions to run the 'evalsha' command",
            "NOPERM User monkey has no permissions to run the 'evalsha' command",
        ] {
            assert_eq!(command_in(text), Some("evalsha"), "{text}");
        }
        for text in [
            "NOPERM this user has no permissions to access one of the keys used as arguments",
            "NOPERM User o'neil has no permissions to access the 'session:s:-' key",
            "NOPERM No permissions to access a key",
        ] {
            assert_eq!(command_in(text), None, "{text}");
        }
    }

    #[test]
    fn a_prefix_is_matched_literally() {
        assert_eq!(glob(r"a*[b]?\:s:"), r"a\*\[b\]\?\\:s:");
    }

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
