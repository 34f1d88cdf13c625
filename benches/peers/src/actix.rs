//! actix-session with its Redis store or its cookie store.

use std::error::Error;

use actix_session::{
    SessionMiddleware,
    storage::{CookieSessionStore, RedisSessionStore, SessionStore},
};
use actix_web::{App, HttpServer, cookie::Key};

use crate::{requests::theirs, size::Size};

pub(crate) async fn serve(app: &str, url: &str, size: Size) -> Result<(), Box<dyn Error>> {
    if app == "actix-session-cookie" {
        // Encrypted, which is the default.
        return on(CookieSessionStore::default, size).await;
    }
    // A connection manager, as in the documentation of `RedisSessionStore`.
    let store = RedisSessionStore::new(url).await?;
    on(move || store.clone(), size).await
}

async fn on<S: SessionStore + 'static>(
    store: impl Fn() -> S + Clone + Send + 'static,
    size: Size,
) -> Result<(), Box<dyn Error>> {
    let key = Key::generate();
    let app = move || {
        let sessions = SessionMiddleware::builder(store(), key.clone()).cookie_secure(false).build();
        App::new().wrap(sessions).configure(|config| theirs::routes(config, size))
    };
    let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", 0))?;
    println!("{}", server.addrs()[0].port());
    Ok(server.run().await?)
}
