//! Collects everything that the library logs on this thread, as text.

use std::{
    fmt::{Debug, Write},
    sync::{Arc, LazyLock, Mutex},
};

use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::DefaultGuard,
};

/// The log since this was created, at every level.
#[derive(Clone, Default)]
pub(crate) struct Logged(Arc<Mutex<Vec<(Level, String)>>>);

/// With one subscriber in the process, `tracing` asks only the thread that reaches a line first whether anybody wants it, and that may
/// be the thread of another test. With two it asks both.
static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Logged::default()));

impl Logged {
    /// Collects on this thread until the guard is dropped.
    pub(crate) fn here() -> (Self, DefaultGuard) {
        LazyLock::force(&ANOTHER);
        let logged = Self::default();
        let guard = tracing::subscriber::set_default(logged.clone());
        (logged, guard)
    }

    /// Collects on this thread until the thread ends, for the workers of a server.
    pub(crate) fn for_good(&self) {
        LazyLock::force(&ANOTHER);
        std::mem::forget(tracing::subscriber::set_default(self.clone()));
    }

    pub(crate) fn text(&self) -> String {
        let lines = self.0.lock().unwrap();
        lines.iter().fold(String::new(), |text, (level, line)| text + level.as_str() + " " + line + "\n")
    }

    /// Returns the text and clears it.
    pub(crate) fn take(&self) -> String {
        let text = self.text();
        self.0.lock().unwrap().clear();
        text
    }

    /// The number of lines of a level.
    pub(crate) fn count(&self, level: Level) -> usize {
        self.0.lock().unwrap().iter().filter(|(of, _)| *of == level).count()
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

impl Subscriber for Logged {
    fn enabled(&self, of: &Metadata<'_>) -> bool {
        of.target().starts_with("actix_typed_session")
    }

    fn new_span(&self, of: &Attributes<'_>) -> Id {
        let mut line = Line(String::new());
        of.record(&mut line);
        self.0.lock().unwrap().push((*of.metadata().level(), line.0));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, of: &Record<'_>) {
        let mut line = Line(String::new());
        of.record(&mut line);
        self.0.lock().unwrap().push((Level::TRACE, line.0));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, of: &Event<'_>) {
        let mut line = Line(String::new());
        of.record(&mut line);
        self.0.lock().unwrap().push((*of.metadata().level(), line.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
