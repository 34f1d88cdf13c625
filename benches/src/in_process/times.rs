//! How long a request takes in process.

use std::time::{Duration, Instant};

use actix_web::rt::SystemRunner;

use super::case::{Case, Requests};
use crate::stats::Spread;

/// Nanoseconds per request, one value for each round.
pub(crate) struct Times {
    pub(crate) name: String,
    bare: Vec<f64>,
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

impl Times {
    /// What `side` takes over the bare handler in the same round.
    fn over(&self, side: &[f64]) -> Vec<f64> {
        side.iter().zip(&self.bare).map(|(side, bare)| (side - bare).max(1.0)).collect()
    }

    pub(crate) fn bare(&self) -> Spread {
        Spread::of(self.bare.iter().copied())
    }

    pub(crate) fn ours(&self) -> Spread {
        Spread::of(self.over(&self.ours))
    }

    pub(crate) fn theirs(&self) -> Spread {
        Spread::of(self.over(&self.theirs))
    }

    /// How many times as long the peer takes.
    pub(crate) fn ratio(&self) -> Spread {
        Spread::of_ratios(&self.over(&self.theirs), &self.over(&self.ours))
    }
}

/// Runs every case in every round, each for about `time`.
pub(crate) fn measure(system: &SystemRunner, cases: &[Case], rounds: u32, time: Duration) -> Vec<Times> {
    let sides = |case: &Case| [case.bare.clone(), case.ours.clone(), case.theirs.clone()];
    // How many requests take about that long; this also warms up.
    let enough = |requests: &Requests| {
        let begun = Instant::now();
        system.block_on(requests(200));
        let each = begun.elapsed().as_nanos() / 200 + 1;
        u32::try_from(time.as_nanos() / each).unwrap_or(u32::MAX).max(10)
    };
    let counts: Vec<_> = cases.iter().map(|case| sides(case).each_ref().map(enough)).collect();
    let none = |case: &Case| Times {
        name: case.name.clone(),
        bare: Vec::new(),
        ours: Vec::new(),
        theirs: Vec::new(),
    };
    let mut all: Vec<_> = cases.iter().map(none).collect();
    for _ in 0..rounds {
        for ((case, counts), times) in cases.iter().zip(&counts).zip(&mut all) {
            let lists = [&mut times.bare, &mut times.ours, &mut times.theirs];
            for ((requests, count), list) in sides(case).iter().zip(counts).zip(lists) {
                let begun = Instant::now();
                system.block_on(requests(*count));
                list.push(begun.elapsed().as_secs_f64() * 1e9 / f64::from(*count));
            }
        }
    }
    all
}
