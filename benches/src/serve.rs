//! The server that is measured: one worker on one core.
//!
//! In: what to serve. Out: the port, as one line. Never anywhere but on loopback.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use actix_typed_session::{Key, SessionMiddleware, store};
use actix_web::{App, HttpServer, dev::Server, web};

use crate::{
    requests::{ours, store::Measured},
    servers::cores::stay_on,
    size::Size,
};

/// The largest measured session is as large as the default limit, and its meta comes on top.
const MAX_RECORD_BYTES: usize = 128 * 1024;

pub(crate) async fn run(app: &str, store: &str, size: &str, core: &str) -> Result<(), Box<dyn Error>> {
    stay_on(core.parse()?)?;
    let server = match app {
        "bare" => bare()?,
        "ours" => ours(store, size.parse()?).await?,
        _ => return Err(format!("`{app}` is not served here").into()),
    };
    Ok(server.await?)
}

fn bare() -> Result<Server, Box<dyn Error>> {
    let server = HttpServer::new(|| App::new().configure(ours::bare)).workers(1).bind(("127.0.0.1", 0))?;
    println!("{}", server.addrs()[0].port());
    Ok(server.run())
}

async fn ours(store: &str, size: Size) -> Result<Server, Box<dyn Error>> {
    let (store, calls) = (store::open(store).await?, Arc::new(AtomicU64::new(0)));
    let store = Measured { store, size, calls: calls.clone() };
    let sessions = SessionMiddleware::builder(store, Key::generate()?)
        .dangerous_insecure_cookie()
        .max_record_bytes(MAX_RECORD_BYTES)
        .build()?;
    let routes = ours::routes(size);
    let app = move || {
        let calls = calls.clone();
        let calls = move || std::future::ready(calls.load(Ordering::Relaxed).to_string());
        App::new()
            .wrap(sessions.clone())
            .configure(|config| routes(config, size.bytes))
            .route("/calls", web::get().to(calls))
    };
    let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", 0))?;
    println!("{}", server.addrs()[0].port());
    Ok(server.run())
}
