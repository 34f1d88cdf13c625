//! What all releases do alike: serve on a port of their own, with sessions in a store that they share.
//!
//! In: `SESSION_STORE` (a URL) and `SESSION_KEY` from the environment. Out: the address, on the first line of standard output.

#![allow(clippy::print_stdout)] // this is how it says where it is

use std::{env, error::Error, time::Duration};

use actix_typed_session::{
    Key, SessionMiddleware,
    store::{self, AnyStore},
};
use actix_web::{App, HttpServer, web::ServiceConfig};

pub(crate) async fn run(routes: fn(&mut ServiceConfig)) -> Result<(), Box<dyn Error>> {
    let key: Key = variable("SESSION_KEY")?.parse()?;
    let sessions = SessionMiddleware::builder(store().await?, key)
        .dangerous_insecure_cookie() // plain HTTP on this machine; leave it out behind TLS
        // The clients never pause, and all runs on one machine: a late answer is none that is lost.
        .load_deadline(Duration::from_secs(20))
        .save_deadline(Duration::from_secs(20))
        .build()?;
    let server = HttpServer::new(move || App::new().wrap(sessions.clone()).configure(routes))
        .workers(1)
        .bind(("127.0.0.1", 0))?;
    for address in server.addrs() {
        println!("http://{address}");
    }
    // Until SIGTERM, and then to the end of what it has begun.
    server.run().await?;
    Ok(())
}

pub(crate) async fn store() -> Result<AnyStore, Box<dyn Error>> {
    Ok(store::connect(&variable("SESSION_STORE")?).await?)
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set; `deploy` starts this program with it"))
}
