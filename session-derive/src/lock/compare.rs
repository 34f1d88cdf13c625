//! In: what the attributes say, and what the lock says. Out: what the one may not say after the other.
//!
//! Never touches a token or a file: a [`Finding`] names the place, and the caller underlines it. Whether two types that are
//! spelled differently are stored alike is for the compiler: those are [`TypeCheck`]s.

use std::collections::{BTreeMap, BTreeSet};

use super::cells::{Frozen, Now, Role, Stored, base, frozen};
use super::text::{Action, Lock};

mod contents;
mod fields;
mod forms;
mod known;
mod marks;

pub(crate) use known::live_step_makes;

/// A mistake, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) place: Place,
    pub(crate) message: String,
    /// `SESSION_LOCK=update` takes it into the lock.
    pub(crate) can_be_recorded: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Version,
    State,
    OldestReader,
    /// The nth of [`Now::cells`].
    Cell(usize, Part),
}

/// What of a cell is to be edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Name,
    Key,
    Since,
    Until,
    Default,
}

/// For the compiler: the shape of a cell's type against the one in the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypeCheck {
    /// The nth of [`Now::cells`].
    pub(crate) cell: usize,
    /// `None`: the compiler could not see it.
    pub(crate) locked: Option<u64>,
    /// Whether both are spelled alike, which decides where the compiler sees no shape.
    pub(crate) same_words: bool,
    pub(crate) message: String,
    /// Instead, where the lock has a shape and the type has none.
    pub(crate) unseen: String,
    pub(crate) can_be_recorded: bool,
}

/// What a comparison found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) findings: Vec<Finding>,
    pub(crate) types: Vec<TypeCheck>,
}

pub(crate) const UPDATE: &str = "SESSION_LOCK=update cargo test session_lock";
pub(crate) const RELEASE: &str = "SESSION_LOCK=release cargo test session_lock";

/// `silent`: the attributes name nothing that changes in the present version.
pub(crate) fn compare(now: &Now, lock: &Lock, silent: bool) -> Verdict {
    let mut found =
        Found { now, lock, frozen: frozen(lock), silent, lists_changes: false, verdict: Verdict::default() };
    if found.version() {
        found.contraction();
        found.cells();
        found.types();
        found.defaults();
        found.principal();
        found.resets();
        found.draft();
    }
    found.verdict
}

struct Found<'a> {
    now: &'a Now,
    lock: &'a Lock,
    frozen: BTreeMap<&'a str, Frozen<'a>>,
    silent: bool,
    /// One message lists all that changed, and no attribute says so.
    lists_changes: bool,
    verdict: Verdict,
}

impl Found<'_> {
    fn at(&mut self, place: Place, message: String) {
        self.verdict.findings.push(Finding { place, message, can_be_recorded: false });
    }

    fn recordable(&mut self, place: Place, message: String) {
        self.verdict.findings.push(Finding { place, message, can_be_recorded: true });
    }

    /// The version that comes next is the one that may say something new.
    fn next(&self) -> u16 {
        self.lock.released.saturating_add(1)
    }

    fn is_bumped(&self) -> bool {
        self.now.version > self.lock.released
    }

    /// Whether the version is the released one or the next.
    fn version(&mut self) -> bool {
        let (version, released, next) = (self.now.version, self.lock.released, self.next());
        if version < released {
            self.at(
                Place::Version,
                format!(
                    "schema `{}` is locked at {released}, found {version}; versions only go up: write `version = {released}`, or \
                     {next} for a change",
                    self.now.schema
                ),
            );
        } else if version > next && released == 0 {
            self.at(
                Place::Version,
                format!(
                    "versions are consecutive: no version of schema `{}` is released, so this is still version 1, found \
                     {version}; if an earlier one is in use, go back to it and run `{RELEASE}`",
                    self.now.schema
                ),
            );
        } else if version > next {
            self.at(
                Place::Version,
                format!(
                    "versions are consecutive: {next} comes after {released}, found {version}; if version {next} is in \
                     use, go back to it and run `{RELEASE}`"
                ),
            );
        } else {
            return true;
        }
        false
    }

    fn contraction(&mut self) {
        let (released, Some(oldest)) = (self.lock.released, self.now.oldest_reader) else { return };
        if oldest > released && released > 0 {
            self.at(
                Place::OldestReader,
                format!(
                    "version {released} is released and may still be serving: `oldest_reader` cannot be above {released} \
                     until version {oldest} is released"
                ),
            );
        }
    }

    /// Every cell of the attributes against the released ones, and the other way round.
    fn cells(&mut self) {
        let now = self.now;
        let (mut added, mut gone, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
        let listed: BTreeSet<&str> = now.cells.iter().map(|stored| stored.key.as_str()).collect();
        let renamed = self.renamed_with_changes();
        for (at, stored) in now.cells.iter().enumerate() {
            if renamed.iter().any(|(_, new)| base(&stored.key) == *new) {
                continue;
            }
            if let Some(message) = self.lost_change(stored) {
                self.at(Place::Cell(at, Part::Name), message);
                continue;
            }
            match self.frozen.get(stored.key.as_str()) {
                None if stored.since.unwrap_or(1) > self.lock.released => {}
                None if self.lock.released == 0 => {}
                None if stored.role == Role::Field && stored.action == Action::Added => added.push(at),
                // Its older form is judged.
                None if matches!(&stored.action, Action::Changed(from) if listed.contains(from.as_str())) => {
                }
                None => unknown.push((at, stored)),
                Some(_) => self.known(at, stored),
            }
        }
        let origins = now.cells.iter().filter_map(|stored| match &stored.action {
            Action::Changed(from) => Some(from.as_str()),
            Action::Added | Action::Step(..) => None,
        });
        let told: BTreeSet<&str> = listed.iter().copied().chain(origins).collect();
        let is_renamed = |key: &str| renamed.iter().any(|(old, _)| base(key) == *old);
        let missing: Vec<&str> =
            self.frozen.keys().copied().filter(|key| !told.contains(key) && !is_renamed(key)).collect();
        // What `removed` or `step` says of an older form says nothing of what came out of it.
        let ended = |key: &str| {
            let is_it = |stored: &&Stored| stored.key == key;
            now.cells
                .iter()
                .find(is_it)
                .is_some_and(|stored| matches!(stored.role, Role::Removed | Role::Split))
        };

        for key in missing {
            let Some(old @ Frozen { until, cell, .. }) = self.frozen.get(key) else { continue };
            let is_form_of_a_field =
                matches!(&cell.action, Action::Changed(from) if told.contains(from.as_str()) && !ended(from));
            match until {
                None if is_form_of_a_field => {}
                None if self.is_made_now(old) => {
                    let message = live_step_makes(key, old.since);
                    self.at(Place::State, message);
                }
                None => gone.push(key),
                Some(until) if now.oldest_record >= *until => {}
                Some(_) if self.lost_step(key) => {}
                Some(until) => {
                    let message = format!(
                        "version {until} is released and cannot change: what it says of `{key}` must stay, such as \
                         `#[session(removed(key = \"{key}\", ty = {}, since = {until}))]`, as long as records of version {} \
                         may be stored",
                        cell.ty,
                        until - 1
                    );
                    self.at(Place::State, message);
                }
            }
        }
        for (at, stored) in unknown {
            self.unknown(at, stored, &mut gone);
        }
        self.renamed(&mut added, &mut gone);
        let listed = self.silent && self.is_bumped() && self.is_any_respelled();
        if self.is_bumped() && !self.silent {
            self.each(&added, &gone);
        } else if listed || !added.is_empty() || !gone.is_empty() {
            self.list(&added, &gone);
        }
    }

    fn bump(&self, changes: &str, fixes: &str) -> String {
        let (schema, released, next) = (&self.now.schema, self.lock.released, self.next());
        format!(
            "session schema `{schema}` changed but its version did not. changed since released version {released}: {changes}. \
             Bump to `version = {next}` and say {fixes}, then run `{UPDATE}`"
        )
    }

    /// A cell of the attributes that should be in the lock and is not.
    fn unknown(&mut self, at: usize, stored: &Stored, gone: &mut Vec<&str>) {
        let (released, name) = (self.lock.released, &stored.name);
        let (part, message) = match (&stored.role, stored.since) {
            (Role::Field | Role::Before, Some(since)) if stored.action != Action::Added => (
                Part::Since,
                format!(
                    "version {since} is released and cannot change: there `{name}` is not {}",
                    stored.action.describe()
                ),
            ),
            _ => {
                let meant = self.meant(stored, gone);
                (Part::Key, format!("`{name}` is in no version up to {released}, the released one{meant}"))
            }
        };
        self.at(Place::Cell(at, part), message);
    }
}
