//! The same cases with actix-session, on the simplest possible memory store.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use actix_session::{
    Session, SessionMiddleware,
    storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError},
};
use actix_web::{
    App,
    cookie::{Key, time::Duration},
    web,
};

use crate::{
    case::{Case, case, cookie_from},
    ours::{next, text},
    states::{Mixed, Texts},
};

type State = HashMap<String, String>;

#[derive(Clone, Default)]
struct Memory {
    sessions: Arc<Mutex<HashMap<String, State>>>,
    /// Session keys come from a counter instead of from randomness, which is an advantage for this side.
    keys: Arc<AtomicU64>,
}

impl Memory {
    fn with<R>(&self, run: impl FnOnce(&mut HashMap<String, State>) -> R) -> R {
        run(&mut self.sessions.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SessionStore for Memory {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        Ok(self.with(|sessions| sessions.get(key.as_ref()).cloned()))
    }

    async fn save(&self, state: State, _: &Duration) -> Result<SessionKey, SaveError> {
        let key = format!("{:064}", self.keys.fetch_add(1, Ordering::Relaxed));
        self.with(|sessions| sessions.insert(key.clone(), state));
        SessionKey::try_from(key).map_err(|error| SaveError::Other(error.into()))
    }

    async fn update(&self, key: SessionKey, state: State, _: &Duration) -> Result<SessionKey, UpdateError> {
        self.with(|sessions| sessions.get_mut(key.as_ref()).map(|session| *session = state));
        Ok(key)
    }

    async fn update_ttl(&self, _: &SessionKey, _: &Duration) -> Result<(), anyhow::Error> {
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        self.with(|sessions| sessions.remove(key.as_ref()));
        Ok(())
    }
}

pub(crate) async fn cases() -> Vec<Case> {
    let (store, key) = (Memory::default(), Key::generate());
    macro_rules! app {
        ($handler:expr) => {
            App::new()
                .wrap(SessionMiddleware::new(store.clone(), key.clone()))
                .route("/", web::get().to($handler))
        };
    }
    let texts =
        cookie_from(app!(async |session: Session| Texts::fill_theirs(&session).map(|()| "filled"))).await;
    let mixed =
        cookie_from(app!(async |session: Session| Mixed::fill_theirs(&session).map(|()| "filled"))).await;
    let (texts, mixed) = (Some(texts.as_str()), Some(mixed.as_str()));
    let bare = || App::new().route("/", web::get().to(async || "bare"));
    vec![
        case("their bare", "their bare", bare(), texts).await,
        case("their untouched", "their bare", app!(async || "bare"), texts).await,
        case("their extractor", "their bare", app!(async |_: Session| "bare"), texts).await,
        case(
            "their read",
            "their bare",
            app!(async |s: Session| {
                let f07 = s.get::<String>("f07")?.unwrap_or_default();
                Ok::<_, actix_web::Error>(f07.len().to_string())
            }),
            texts,
        )
        .await,
        case(
            "their set",
            "their bare",
            app!(async |s: Session| s.insert("f07", text()).map(|()| "set")),
            texts,
        )
        .await,
        case(
            "their update",
            "their bare",
            app!(async |s: Session| {
                let mut f07 = s.get::<String>("f07")?.unwrap_or_default();
                f07.clone_from(&text());
                s.insert("f07", f07)?;
                Ok::<_, actix_web::Error>("updated")
            }),
            texts,
        )
        .await,
        case(
            "their read mixed",
            "their bare",
            app!(async |s: Session| {
                let visits = s.get::<u32>("visits")?.unwrap_or_default();
                Ok::<_, actix_web::Error>(visits.to_string())
            }),
            mixed,
        )
        .await,
        case(
            "their set mixed",
            "their bare",
            app!(async |s: Session| s.insert("visits", next()).map(|()| "set")),
            mixed,
        )
        .await,
        case(
            "their update mixed",
            "their bare",
            app!(async |s: Session| {
                let visits = s.get::<u32>("visits")?.unwrap_or_default();
                s.insert("visits", visits.wrapping_add(1))?;
                Ok::<_, actix_web::Error>("updated")
            }),
            mixed,
        )
        .await,
        case(
            "their create",
            "bare, no cookie",
            app!(async |s: Session| s.insert("n", next()).map(|()| "created")),
            None,
        )
        .await,
    ]
}
