//! How the sketch goes through its records, for a scan and for a sweep, and what can be wrong with that.

use actix_typed_session::{
    id::Selector,
    record::Record,
    store::{Cursor, Scan, Scanned, StoreError, Sweep},
};

use super::{Fault, Sketch, Stored};

impl Scan for Sketch {
    async fn scan(&self, from: Option<&Cursor>, limit: u32) -> Result<Scanned, StoreError> {
        let of = |selector: &Selector| u128::from_be_bytes(*selector.as_bytes());
        let limit = usize::try_from(limit).unwrap();
        let from = from.map(|from| from.as_str().parse::<u128>().unwrap());
        let mut selectors: Vec<Selector> = self.shared.records.lock().unwrap().keys().copied().collect();
        selectors.sort_unstable();
        if self.is(Fault::ScansByOffset) {
            let seen = usize::try_from(from.unwrap_or_default()).unwrap();
            let page: Vec<_> = selectors.into_iter().skip(seen).take(limit).collect();
            let next = (page.len() == limit).then(|| Cursor::new((seen + limit).to_string()));
            return Ok(Scanned::new(page, next));
        }
        if let Some(last) = from {
            let skipped = usize::from(self.is(Fault::SkipsInScans));
            selectors = selectors.into_iter().filter(|selector| of(selector) > last).skip(skipped).collect();
        }
        selectors.truncate(limit);
        let mut last = selectors.last().map(|last| if self.is(Fault::ScansForEver) { 0 } else { of(last) });
        if self.is(Fault::StopsAtEmptyPages) {
            selectors.retain(|selector| self.load_now(selector).is_ok_and(|loaded| loaded.is_some()));
            last = last.filter(|_| !selectors.is_empty());
        }
        Ok(Scanned::new(selectors, last.map(|last| Cursor::new(last.to_string()))))
    }
}

impl Sweep for Sketch {
    async fn sweep(&self, limit: u32) -> Result<u32, StoreError> {
        let limit = usize::try_from(limit).unwrap();
        let mut records = self.shared.records.lock().unwrap();
        let mut selectors: Vec<Selector> = records.keys().copied().collect();
        selectors.sort_unstable();
        if self.is(Fault::SweepsTheFirst) {
            selectors.truncate(limit);
        }
        let has_ended = |selector: &Selector, record: &Record| match self.fault {
            Fault::SweepsTheTouched => self.now() >= self.shared.ends.lock().unwrap()[selector],
            _ => record.is_expired(self.now()),
        };
        let (mut swept, mut spared) = (0, 0);
        for selector in selectors {
            let ends = match &records[&selector] {
                Stored::Good(record) => has_ended(&selector, record),
                Stored::Bad(why) if self.is(Fault::SweepStopsAtGarbage) => return Err((*why).into()),
                Stored::Bad(_) => self.is(Fault::SweepsGarbage),
            };
            if ends && swept < limit {
                records.remove(&selector);
                swept += 1;
            } else {
                spared += 1;
            }
        }
        let counted = if self.is(Fault::CountsTheSpared) { swept + spared } else { swept };
        Ok(u32::try_from(counted).unwrap())
    }
}
