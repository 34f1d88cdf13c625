//! What each command does.
//!
//! In: a store, a command. Out: lines of output, and sessions that have ended. Never: a format; that is the output's.

use std::{collections::BTreeSet, fs, path::PathBuf};

use actix_typed_session::{
    admin::{StoredSession, Tally, Walk},
    id::PublicId,
    record::Principal,
    store::{AnyStore, PrincipalIndex, SessionStore, StoreErrorKind, Sweep},
};

use crate::{
    Failure,
    arguments::{Command, Revoked},
    dry_run::DryRun,
    lock::Lock,
    output::{Output, Progress, there_is_more},
};

/// Sessions that are read, and records that are swept, at once.
const PAGE: u32 = 500;

pub(crate) async fn run(store: &AnyStore, command: Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::List { user: Some(user), limit } => list_of(store, &user, limit, output).await,
        Command::List { user: None, limit } => list(store, limit, output).await,
        Command::Show { id, values } => show(store, id, values, output).await,
        Command::Revoke(Revoked { id: Some(id), .. }) => revoke(store, id, output).await,
        Command::Revoke(Revoked { user, .. }) => match user {
            Some(user) => Ok(output.ended(store.delete_all(&user, None).await?)?),
            None => Ok(()), // clap asks for one of the two
        },
        Command::Census { limit } => census(store, limit, output).await,
        Command::DryRun { lock, limit } => dry_run(store, &lock, limit, output).await,
        Command::Sweep => sweep(store, output).await,
        Command::Health => {
            store.health().await?;
            Ok(output.healthy()?)
        }
    }
}

/// How many to ask for next, of `left` that are wanted.
fn at_once(left: u64) -> u32 {
    u32::try_from(left).unwrap_or(PAGE).min(PAGE)
}

async fn list_of(store: &AnyStore, user: &Principal, limit: u64, output: &mut Output) -> Result<(), Failure> {
    let (mut left, mut after) = (limit, None);
    loop {
        let page = store.sessions_page(user, after.as_ref(), at_once(left).max(1)).await?;
        for listed in &page.sessions {
            if left == 0 {
                there_is_more(limit);
                return Ok(());
            }
            output.session(listed.public_id(), &listed.meta)?;
            left -= 1;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Goes through all sessions, a page at a time, but through `limit` at most; returns whether those were all.
async fn walk(
    store: &AnyStore,
    limit: u64,
    mut see: impl FnMut(&[StoredSession]) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let (mut left, mut walk) = (limit, Walk::of(store));
    while let Some(page) = walk.next(at_once(left).max(1)).await? {
        let wanted = usize::try_from(left).ok().and_then(|left| page.get(..left)).unwrap_or(&page);
        see(wanted)?;
        if wanted.len() < page.len() {
            return Ok(false);
        }
        left = left.saturating_sub(u64::try_from(wanted.len()).unwrap_or(u64::MAX));
    }
    Ok(true)
}

async fn list(store: &AnyStore, limit: u64, output: &mut Output) -> Result<(), Failure> {
    let is_all = walk(store, limit, |page| {
        for session in page {
            match &session.found {
                Ok(loaded) => output.session(session.public_id, loaded.record.meta())?,
                Err(why) => output.unreadable(session.public_id, *why)?,
            }
        }
        Ok(())
    });
    if !is_all.await? {
        there_is_more(limit);
    }
    Ok(())
}

async fn show(store: &AnyStore, id: PublicId, values: bool, output: &mut Output) -> Result<(), Failure> {
    let loaded = store.load(&id.into()).await?.ok_or_else(|| not_found(id))?;
    Ok(output.record(id, &loaded.record, values)?)
}

async fn revoke(store: &AnyStore, id: PublicId, output: &mut Output) -> Result<(), Failure> {
    match store.load(&id.into()).await {
        Ok(None) => return Err(not_found(id)),
        // One that cannot be read can be ended all the same.
        Err(error) if !error.is_unreadable() => return Err(error.into()),
        Ok(Some(_)) | Err(_) => {}
    }
    store.delete(&id.into(), None).await?;
    Ok(output.ended(1)?)
}

async fn census(store: &AnyStore, limit: u64, output: &mut Output) -> Result<(), Failure> {
    let (mut tally, mut progress) = (Tally::default(), Progress::new("sessions"));
    let is_all = walk(store, limit, |page| {
        for session in page {
            tally.add(session);
        }
        progress.at(tally.found());
        Ok(())
    });
    tally.complete = is_all.await?;
    drop(progress);
    Ok(output.census(&tally)?)
}

async fn dry_run(
    store: &AnyStore,
    files: &[PathBuf],
    limit: u64,
    output: &mut Output,
) -> Result<(), Failure> {
    let (mut run, mut progress) = (DryRun::new(locks(files)?), Progress::new("sessions"));
    let is_all = walk(store, limit, |page| {
        for session in page {
            run.add(session);
        }
        progress.at(run.found());
        Ok(())
    });
    run.complete = is_all.await?;
    drop(progress);
    let shown = output.dry_run(&run);
    // What was found counts, also if nobody reads the output.
    if run.found() == 0 {
        return Err(Failure::NotFound("there are no sessions; is it the right store?".to_owned()));
    }
    match run.losses() {
        losses if losses.is_empty() => Ok(shown?),
        losses => Err(Failure::Loses(losses.join("; "))),
    }
}

/// The lock files of the schemas of one release.
fn locks(files: &[PathBuf]) -> Result<Vec<Lock>, Failure> {
    let (mut locks, mut names) = (Vec::new(), BTreeSet::new());
    for file in files {
        let wrong = |why: String| Failure::Arguments(format!("{} {why}", file.display()));
        let text = fs::read_to_string(file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let lock = Lock::parse(&text).map_err(|broken| wrong(broken.to_string()))?;
        if !names.insert(lock.schema.clone()) {
            return Err(wrong(format!("is the second lock file of the schema `{}`", lock.schema)));
        }
        locks.push(lock);
    }
    Ok(locks)
}

async fn sweep(store: &AnyStore, output: &mut Output) -> Result<(), Failure> {
    let (mut all, mut progress) = (0, Progress::new("expired records"));
    loop {
        match store.sweep(PAGE).await {
            Ok(swept) => {
                all += u64::from(swept);
                progress.at(all);
                if swept < PAGE {
                    break;
                }
            }
            Err(error) if error.kind() == StoreErrorKind::Unsupported => {
                drop(progress);
                return Ok(output.sweeps_itself()?);
            }
            Err(error) => return Err(error.into()),
        }
    }
    drop(progress);
    Ok(output.swept(all)?)
}

fn not_found(id: PublicId) -> Failure {
    Failure::NotFound(format!("there is no session {id}: it has ended, or never was one"))
}
