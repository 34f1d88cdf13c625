//! tower-sessions on axum, with its stores, and a handler of axum without sessions.

use std::error::Error;

use axum::{Router, http::StatusCode, routing::get};
use tower_sessions::{
    Expiry, MemoryStore, Session, SessionManagerLayer, SessionStore, cookie::time::Duration, session,
};
use tower_sessions_redis_store::{
    RedisStore,
    fred::prelude::{ClientLike as _, Config, Pool},
};
use tower_sessions_sqlx_store::{PostgresStore, sqlx::PgPool};

use crate::size::{Size, next, text};

pub(crate) async fn serve(app: &str, url: &str, size: Size) -> Result<(), Box<dyn Error>> {
    match app {
        "bare-axum" => listen(Router::new().route("/untouched", get(async || "untouched"))).await,
        "tower-memory" => listen(on(MemoryStore::default(), size)).await,
        "tower-redis" => {
            // Six connections, as in the documentation of the store.
            let pool = Pool::new(Config::from_url(url)?, None, None, None, 6)?;
            let _connections = pool.connect();
            pool.wait_for_connect().await?;
            listen(on(RedisStore::new(pool), size)).await
        }
        "tower-postgres" => {
            let store = PostgresStore::new(PgPool::connect(url).await?);
            store.migrate().await?;
            listen(on(store, size)).await
        }
        app => Err(format!("`{app}` is not served here").into()),
    }
}

async fn listen(app: Router) -> Result<(), Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?.port());
    // As actix-web does without being asked.
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, app).await?)
}

type Answer<T> = Result<T, StatusCode>;

#[allow(clippy::needless_pass_by_value)] // as `map_err` passes it
fn failed(error: session::Error) -> StatusCode {
    eprintln!("{error}");
    StatusCode::INTERNAL_SERVER_ERROR
}

fn on(store: impl SessionStore + Clone, size: Size) -> Router {
    let Size { fields, bytes } = size;
    let sessions = SessionManagerLayer::new(store)
        .with_secure(false)
        .with_expiry(Expiry::OnInactivity(Duration::minutes(30)));
    let fill = async move |session: Session| -> Answer<&str> {
        for field in 1..=fields {
            session.insert(&format!("f{field}"), text(bytes)).await.map_err(failed)?;
        }
        Ok("filled")
    };
    let set = async move |session: Session| -> Answer<&str> {
        session.insert("f4", text(bytes)).await.map(|()| "set").map_err(failed)
    };
    Router::new()
        .route("/untouched", get(async || "untouched"))
        .route("/read", get(read))
        .route("/set", get(set))
        .route("/fill", get(fill))
        .route("/create", get(create))
        .route("/add", get(add))
        .route("/sum", get(sum))
        .layer(sessions)
}

async fn read(session: Session) -> Answer<String> {
    let f4 = session.get::<String>("f4").await.map_err(failed)?;
    Ok(f4.unwrap_or_default().len().to_string())
}

async fn create(session: Session) -> Answer<&'static str> {
    session.insert("n", next()).await.map(|()| "created").map_err(failed)
}

async fn add(session: Session) -> Answer<&'static str> {
    let n = session.get::<u32>("n").await.map_err(failed)?.unwrap_or_default();
    session.insert("n", n + 1).await.map(|()| "added").map_err(failed)
}

async fn sum(session: Session) -> Answer<String> {
    Ok(session.get::<u32>("n").await.map_err(failed)?.unwrap_or_default().to_string())
}
