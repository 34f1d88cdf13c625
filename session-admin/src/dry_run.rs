//! What a release would make of stored sessions, as far as the lock files of its schemas tell.
//!
//! In: lock files, sessions one by one. Out: a [`DryRun`]. Never: a stored value, a type of the application; whether a value fits its type, and
//! whether a conversion works, only the application's `census` can tell.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use actix_typed_session::{
    admin::StoredSession,
    record::{Record, WireKey},
    store::{Loaded, StoreErrorKind},
};

use crate::lock::Lock;

/// What was found so far.
#[derive(Default)]
pub(crate) struct DryRun {
    /// Sessions that can be read.
    pub(crate) sessions: u64,
    /// Whether every session in the store was looked at.
    pub(crate) complete: bool,
    /// Sessions whose record is damaged, which no release can read.
    pub(crate) damaged: u64,
    /// Sessions of a later release of the library.
    pub(crate) of_later_releases: u64,
    /// Sessions whose user another field names, or none: nobody would be signed in.
    pub(crate) signed_out: u64,
    pub(crate) schemas: Vec<Sections>,
    /// How many sections there are of each schema that no lock file is about.
    pub(crate) without_lock: BTreeMap<String, u64>,
}

/// The sections of one schema.
pub(crate) struct Sections {
    pub(crate) lock: Lock,
    /// The wire keys that the present ones are made of, one from another.
    origins: BTreeSet<String>,
    /// By the oldest version that can read them, as the sections say; `None` if they do not.
    pub(crate) by_version: BTreeMap<Option<u64>, Count>,
    /// How many sections need the conversions of each version.
    pub(crate) needs: BTreeMap<u16, u64>,
    /// Values of fields that the release has no more.
    pub(crate) removed: u64,
    /// Values that no version in the lock file stores. They stay as they are.
    pub(crate) unknown: u64,
}

/// What the release would do with sections.
#[derive(Default, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Count {
    /// Read as they are.
    pub(crate) readable: u64,
    /// Read by conversions.
    pub(crate) converted: u64,
    /// Answered with 503, because only a later version can read them.
    pub(crate) refused: u64,
}

impl DryRun {
    pub(crate) fn new(locks: Vec<Lock>) -> Self {
        Self { schemas: locks.into_iter().map(Sections::new).collect(), ..Self::default() }
    }

    /// All sessions that were looked at.
    pub(crate) const fn found(&self) -> u64 {
        self.sessions + self.damaged + self.of_later_releases
    }

    /// Why the release would lose something or refuse somebody; empty if it would not. A damaged session is lost already.
    pub(crate) fn losses(&self) -> Vec<String> {
        let refused = self.schemas.iter().flat_map(|schema| schema.by_version.values());
        let counts = [
            (refused.map(|count| count.refused).sum(), "sections would be refused"),
            (self.signed_out, "sessions would be signed out"),
            (self.without_lock.values().sum(), "sections are of a schema without a lock file"),
            (self.of_later_releases, "sessions are of a later release of the library"),
        ];
        counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect()
    }

    pub(crate) fn add(&mut self, session: &StoredSession) {
        match &session.found {
            Ok(loaded) => {
                self.sessions += 1;
                self.add_record(loaded);
            }
            Err(StoreErrorKind::TooNew) => self.of_later_releases += 1,
            Err(_) => self.damaged += 1,
        }
    }

    fn add_record(&mut self, loaded: &Loaded) {
        let record = &*loaded.record;
        for schema in names(record) {
            match self.schemas.iter_mut().find(|sections| sections.lock.schema == schema) {
                Some(sections) => sections.add(loaded),
                None => *self.without_lock.entry(schema.to_owned()).or_default() += 1,
            }
        }
        if let Some(principal) = &record.meta().principal
            && self.schemas.iter().any(|sections| sections.disowns(principal.wire_key()))
        {
            self.signed_out += 1;
        }
    }
}

/// The names of the schemas that a record has sections of: each has a gate `$shop`, or cells `shop.cart`.
fn names(record: &Record) -> BTreeSet<&str> {
    let name = |key: &str| key.find('.').or(key.starts_with('$').then_some(key.len()));
    let keys = record.cells().iter().map(|(key, _)| key.as_str());
    keys.filter_map(|key| Some(key.get(..name(key)?)?.trim_start_matches('$'))).collect()
}

impl Sections {
    fn new(lock: Lock) -> Self {
        let mut origins = BTreeSet::new();
        for step in lock.steps.iter().rev() {
            if step.to.iter().any(|key| lock.present.contains(key) || origins.contains(key)) {
                origins.extend(step.from.iter().cloned());
            }
        }
        let (by_version, needs) = (BTreeMap::new(), BTreeMap::new());
        Self { lock, origins, by_version, needs, removed: 0, unknown: 0 }
    }

    fn add(&mut self, loaded: &Loaded) {
        let (record, schema) = (&*loaded.record, &self.lock.schema);
        let gate = record.cell(&format!("${schema}"));
        let version: Option<u64> = gate.and_then(|gate| gate.json.as_str().parse().ok());
        let is_refused =
            gate.is_some() && version.is_none_or(|version| version > u64::from(self.lock.version));
        let cells =
            record.cells().iter().filter(|(key, _)| record.live_cell(key.as_str(), loaded.now).is_some());
        let of_schema =
            |key: &WireKey| key.as_str().strip_prefix(&**schema)?.strip_prefix('.').map(str::to_owned);
        let mut edits: HashMap<String, u64> =
            cells.filter_map(|(key, cell)| Some((of_schema(key)?, cell.revision))).collect();
        for key in
            edits.keys().filter(|key| !self.lock.present.contains(*key) && !self.origins.contains(*key))
        {
            let of_before = self.lock.known.contains(key);
            *(if of_before { &mut self.removed } else { &mut self.unknown }) += 1;
        }
        let needed = if is_refused { BTreeSet::new() } else { self.needed(&mut edits) };
        for since in &needed {
            *self.needs.entry(*since).or_default() += 1;
        }
        let count = self.by_version.entry(version).or_default();
        *match (is_refused, needed.is_empty()) {
            (true, _) => &mut count.refused,
            (false, true) => &mut count.readable,
            (false, false) => &mut count.converted,
        } += 1;
    }

    /// The versions whose conversions a section needs whose cells were edited last at these revisions: as in the application, a newer form
    /// counts unless an older one was edited after it.
    fn needed(&self, edits: &mut HashMap<String, u64>) -> BTreeSet<u16> {
        let mut needed = BTreeSet::new();
        for step in &self.lock.steps {
            if !step.to.iter().any(|key| self.lock.present.contains(key) || self.origins.contains(key)) {
                continue;
            }
            let older = step.from.iter().filter_map(|key| edits.get(key)).max().copied();
            let newer = step.to.iter().filter_map(|key| edits.get(key)).max().copied();
            if let Some(older) = older.filter(|_| older > newer) {
                needed.insert(step.since);
                edits.extend(step.to.iter().map(|key| (key.clone(), older)));
            }
        }
        needed
    }

    /// Whether the principal with this wire key says who is signed in by another field than that of the release.
    fn disowns(&self, principal: &str) -> bool {
        let of_schema = principal.strip_prefix(&*self.lock.schema).and_then(|rest| rest.strip_prefix('.'));
        of_schema.is_some_and(|key| self.lock.principal.as_deref() != Some(key))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)] // a test fails by a panic
mod tests {
    use std::time::Duration;

    use actix_typed_session::{
        change::{CellWrite, Change, NewRecord},
        id::VerifierHash,
        record::{Json, Limits, Outcome, Timestamp},
    };

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn sections() -> Sections {
        let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/session-schemas/shop.lock");
        Sections::new(Lock::parse(&std::fs::read_to_string(lock).unwrap()).unwrap())
    }

    fn cell(key: &'static str, json: &str) -> CellWrite {
        CellWrite::new(WireKey::from_static(key), Json::parse(json).unwrap())
    }

    fn record(cells: Vec<CellWrite>) -> Record {
        let limits = Limits::new(Duration::from_secs(1000), Duration::from_secs(1000));
        let mut new = NewRecord::new(VerifierHash::from_bytes([0; 32]), limits);
        new.cells = cells;
        Record::create(&new, NOW)
    }

    /// What is made of a section with these cells.
    fn count(cells: Vec<CellWrite>) -> Count {
        let mut sections = sections();
        sections.add(&Loaded::new(record(cells), NOW));
        *sections.by_version.values().next().unwrap()
    }

    const READABLE: Count = Count { readable: 1, converted: 0, refused: 0 };
    const CONVERTED: Count = Count { readable: 0, converted: 1, refused: 0 };
    const REFUSED: Count = Count { readable: 0, converted: 0, refused: 1 };

    #[test]
    fn the_gate_says_who_can_read_a_section() {
        for (gate, made) in [("1", READABLE), ("3", READABLE), ("4", REFUSED), ("\"x\"", REFUSED)] {
            assert_eq!(count(vec![cell("$shop", gate), cell("shop.coupon", "1")]), made, "{gate}");
        }
        assert_eq!(count(vec![cell("shop.coupon", "1")]), READABLE, "a section without one");
    }

    #[test]
    fn an_older_form_counts_if_it_is_alone_or_was_edited_last() {
        let both = vec![cell("shop.cart", "[1]"), cell("shop.cart@2", "[\"1\"]")];
        assert_eq!(count(vec![cell("shop.cart", "[1]")]), CONVERTED);
        assert_eq!(count(vec![cell("shop.cart@2", "[]")]), READABLE);
        assert_eq!(count(both.clone()), READABLE);
        let mut edit = Change::default();
        edit.write.push(cell("shop.cart", "[1,2]"));
        let Outcome::Done(edited) = record(both).apply(&edit, NOW) else { panic!("it applies") };
        let mut sections = sections();
        sections.add(&Loaded::new(*edited, NOW));
        assert_eq!(sections.needs, BTreeMap::from([(2, 1)]));
    }

    #[test]
    fn what_expires_by_itself_is_not_counted_and_what_is_gone_or_unknown_is_told() {
        let mut old = cell("shop.cart", "[1]");
        old.ttl = Some(Duration::from_secs(1));
        let all = vec![old, cell("shop.theme", "\"x\""), cell("shop.later", "1"), cell("shopping.cart", "1")];
        let mut sections = sections();
        let later = NOW.saturating_add(Duration::from_secs(2));
        sections.add(&Loaded::new(record(all), later));
        assert_eq!((sections.removed, sections.unknown, sections.needs.len()), (1, 1, 0));
        assert!(
            sections.disowns("shop.name")
                && !sections.disowns("shop.user")
                && !sections.disowns("shopping.user")
        );
    }
}
