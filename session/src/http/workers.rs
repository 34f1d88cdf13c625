//! Notices a middleware that was made in the closure that makes the `App`, and so once for each worker.
//!
//! In: which thread a middleware serves. Out: whether other threads have another one for the same ids, once. Never: what to do about it.
//!
//! A clone of one middleware in each worker is right, and so are several middlewares of one name in each worker, as for several hosts.
//! What is wrong is that each worker has one of its own. actix starts all workers before the first request, so that then it can be told.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    thread::{self, ThreadId},
};

use actix_web::rt::System;

/// A middleware with all its clones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Made(Arc<()>);

struct Serving {
    made: Weak<()>,
    name: String,
    /// Tests run several servers in one process, each in a system of its own.
    system: Option<usize>,
    threads: Vec<ThreadId>,
    is_told: bool,
}

static SERVING: Mutex<Vec<Serving>> = Mutex::new(Vec::new());

impl Made {
    /// This thread serves requests with the middleware, whose ids are in the cookie or the header `name`.
    pub(crate) fn serves(&self, name: &str) {
        let mut all = SERVING.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|one| one.made.strong_count() > 0);
        let (thread, system) = (thread::current().id(), system());
        match all.iter_mut().find(|one| one.is(self) && one.system == system) {
            Some(one) if one.threads.contains(&thread) => {}
            Some(one) => one.threads.push(thread),
            None => all.push(Serving {
                made: Arc::downgrade(&self.0),
                name: name.to_owned(),
                system,
                threads: vec![thread],
                is_told: false,
            }),
        }
    }

    /// Whether this middleware serves one thread alone, another one serves another thread alone, and that was not told yet.
    pub(crate) fn is_of_one_worker(&self) -> bool {
        let mut all = SERVING.lock().unwrap_or_else(PoisonError::into_inner);
        let system = system();
        let Some(this) = all.iter().find(|one| one.is(self) && one.system == system) else { return false };
        let is_alone = |one: &Serving| one.made.strong_count() > 0 && one.threads.len() == 1;
        let is_other = |one: &Serving| {
            one.system == system && one.name == this.name && is_alone(one) && one.threads != this.threads
        };
        let found = is_alone(this) && all.iter().any(is_other) && !this.is_told;
        if found {
            let name = this.name.clone();
            all.iter_mut()
                .filter(|one| one.system == system && one.name == name)
                .for_each(|one| one.is_told = true);
        }
        found
    }
}

impl Serving {
    fn is(&self, made: &Made) -> bool {
        std::ptr::eq(self.made.as_ptr(), Arc::as_ptr(&made.0))
    }
}

fn system() -> Option<usize> {
    System::try_current().map(|system| system.id())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test that cannot go on fails

    use super::*;

    /// Whether each of these, which serve one thread each, is of one worker.
    fn on_threads(threads: &[Vec<Made>], name: &'static str) -> Vec<bool> {
        let start = &std::sync::Barrier::new(threads.len());
        thread::scope(|scope| {
            let started: Vec<_> = threads
                .iter()
                .map(|made| {
                    scope.spawn(move || {
                        for made in made {
                            made.serves(name);
                        }
                        start.wait();
                        let all: Vec<_> = made.iter().map(Made::is_of_one_worker).collect();
                        start.wait();
                        all
                    })
                })
                .collect();
            started.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        })
    }

    #[test]
    fn one_middleware_in_all_workers_is_right_and_one_in_each_is_not() {
        let made = Made::default();
        assert_eq!(on_threads(&[vec![made.clone()], vec![made]], "shared"), [false, false]);
        let told = on_threads(&[vec![Made::default()], vec![Made::default()]], "of each");
        assert_eq!(told.iter().filter(|told| **told).count(), 1, "once");
    }

    #[test]
    fn several_of_one_name_in_each_worker_are_right() {
        let hosts = vec![Made::default(), Made::default()];
        assert_eq!(on_threads(&[hosts.clone(), hosts], "hosts"), [false; 4]);
        let (alone, other) = (Made::default(), Made::default());
        assert_eq!(on_threads(&[vec![alone, other]], "one worker"), [false, false]);
    }

    #[test]
    fn what_has_ended_does_not_count() {
        Made::default().serves("ended");
        let made = Made::default();
        assert_eq!(on_threads(&[vec![made]], "ended"), [false]);
    }
}
