//! Which cores do what: the measured server has one for itself, and everything else has the others. Where a database is
//! measured, it is the other way round.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores that this process was started with.
#[derive(Clone, Copy)]
pub(crate) struct Cores {
    all: CpuSet,
    first: usize,
}

impl Cores {
    pub(crate) fn all() -> io::Result<Self> {
        let all = sched_getaffinity(None)?;
        let first = (0..CpuSet::MAX_CPU).find(|core| all.is_set(*core)).unwrap_or_default();
        Ok(Self { all, first })
    }

    pub(crate) fn count(&self) -> u32 {
        self.all.count()
    }

    /// The core of the measured server.
    pub(crate) const fn for_server(&self) -> usize {
        self.first
    }

    /// Keeps this process, and the load generator and databases that it starts from now on, off the server's core.
    pub(crate) fn leave_server_alone(&self) -> io::Result<()> {
        let mut others = self.all;
        if others.count() > 1 {
            others.unset(self.first);
        }
        Ok(sched_setaffinity(None, &others)?)
    }

    /// Keeps this thread to the server's core, so that a database has the others for itself.
    pub(crate) fn join_server(&self) -> io::Result<()> {
        stay_on(self.first)
    }

    /// Lets this process use every core again.
    pub(crate) fn use_all(&self) -> io::Result<()> {
        Ok(sched_setaffinity(None, &self.all)?)
    }
}

/// Keeps this process to one core. To be called before it starts a thread.
pub(crate) fn stay_on(core: usize) -> io::Result<()> {
    let mut only = CpuSet::new();
    only.set(core);
    Ok(sched_setaffinity(None, &only)?)
}
