//! Touches that this process has made lately, so that requests which overlap make one between them.
//!
//! In: a selector, and when its record was last touched. Out: whether the touch is still to be made. Never: I/O.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{id::public::Selector, record::time::Timestamp};

/// How many touches are remembered. Sessions that share a place by chance forget each other's, which costs a write and no more.
const PLACES: usize = 1024;

/// The last touches, by place.
#[derive(Debug)]
pub(crate) struct Touches(Mutex<Box<[Place]>>);

/// The session that was touched last of those that share a place, when its record had been touched before, and when that was.
type Place = Option<(Selector, Timestamp, Instant)>;

/// How long a touch is remembered: longer than requests that overlap it. A store that has lost the touch, as by a failover, gets another
/// one after that.
const REMEMBERED: Duration = Duration::from_secs(10);

impl Default for Touches {
    fn default() -> Self {
        Self(Mutex::new(vec![None; PLACES].into()))
    }
}

impl Touches {
    /// Whether no other request of this process has made, or is making, this touch.
    pub(crate) fn claim(&self, selector: &Selector, touched: Timestamp) -> bool {
        let mut places = self.places();
        let place = Self::place(&mut places, selector);
        let is_claimed = place.is_some_and(|(known, since, at)| {
            known == *selector && since >= touched && at.elapsed() < REMEMBERED
        });
        if !is_claimed {
            *place = Some((*selector, touched, Instant::now()));
        }
        !is_claimed
    }

    /// The touch failed: the next request makes it.
    pub(crate) fn give_back(&self, selector: &Selector) {
        let mut places = self.places();
        Self::place(&mut places, selector).take_if(|(known, ..)| known == selector);
    }

    fn places(&self) -> MutexGuard<'_, Box<[Place]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[allow(clippy::indexing_slicing)] // the remainder is smaller than the number of places
    fn place<'a>(places: &'a mut [Place], selector: &Selector) -> &'a mut Place {
        let [first, second, ..] = *selector.as_bytes();
        &mut places[usize::from(u16::from_le_bytes([first, second])) % PLACES]
    }
}
