//! The part that all releases have in common: a server on its own port, with sessions in a shared store.
//!
//! In: `SESSION_STORE` (a URL) and `SESSION_KEY` from the environment. Out: the address, on the first
//! line of standard output. Never: prints the key.

#![allow(clippy::print_stdout)] // the address goes to standard output

use std::{env, error::Error, time::Duration};

use actix_typed_session::{
    Keys, SessionMiddleware,
    store::{self, AnyStore},
};
use actix_web::{App, HttpServer, web::ServiceConfig};

pub(crate) async fn run(routes: fn(&mut ServiceConfig)) -> Result<(), Box<dyn Error>> {
    let keys = Keys::from_env("SESSION_KEY")?;
    let sessions = SessionMiddleware::builder(store().await?, keys)
        .dangerous_insecure_cookie() // for plain HTTP on this machine; leave it out behind TLS
        // The clients never pause and everything runs on one machine, so an answer may be late without being lost.
        .load_deadline(Duration::from_secs(20))
        .save_deadline(Duration::from_secs(20))
        .build()?;
    let server = HttpServer::new(move || App::new().wrap(sessions.clone()).configure(routes))
        .workers(1)
        .bind(("127.0.0.1", 0))?;
    for address in server.addrs() {
        println!("http://{address}");
    }
    // Runs until SIGTERM, and then finishes the requests that it has begun.
    server.run().await?;
    Ok(())
}

pub(crate) async fn store() -> Result<AnyStore, Box<dyn Error>> {
    Ok(store::open(&variable("SESSION_STORE")?).await?)
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set; `deploy` starts this program with it"))
}
