//! A small shop whose visitors have typed sessions.
//!
//! ```text
//! $ cargo run -p session-examples --bin shop
//! sessions: the SQLite file shop.db
//! key: read from shop.key
//! http://127.0.0.1:8080
//! ```
//!
//! Open the address in a browser. `--help` lists the options. Ctrl-C stops the shop; start it again, and you are still signed in.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a command-line program

mod answers;
mod device;
mod goods;
mod key;
mod lab;
mod options;
mod pages;
mod routes;
mod state;

use std::{error::Error, process::ExitCode};

use actix_typed_session::{SessionMiddleware, admin::EventsPerMinute, store};
use actix_web::{App, HttpServer, middleware::from_fn, web};

use self::options::{Options, Request};

#[actix_web::main]
async fn main() -> ExitCode {
    // Sign-ins, sign-outs and what went wrong. `event` in a line is a name from docs/events.md, if there is one.
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let options = match options::parse(lexopt::Parser::from_env()) {
        Ok(Request::Run(options)) => options,
        Ok(Request::Help) => {
            print!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("shop: {error}");
            return ExitCode::from(2);
        }
    };
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shop: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let store = store::open(&options.store.0).await?;
    println!("sessions: {}", options.store);
    let (keys, origin) = key::obtain(&options.store)?;
    println!("key: {origin}");

    let events = EventsPerMinute::default();
    let sessions = SessionMiddleware::builder(store.clone(), keys).observer(events.clone());
    // On plain HTTP, some browsers drop a `Secure` cookie.
    let sessions =
        if options.is_behind_tls { sessions } else { sessions.dangerous_insecure_cookie() }.build()?;

    let finishing = sessions.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(store.clone()))
            .wrap(sessions.clone())
            .wrap(from_fn(answers::complete))
            .service(routes::support(store.clone(), events.clone()))
            .configure(routes::all)
    })
    .workers(2)
    .shutdown_timeout(5)
    .bind(("127.0.0.1", options.port))
    .map_err(|error| {
        format!("port {} of 127.0.0.1 cannot be used: {error}; choose another with `--port`", options.port)
    })?;
    for address in server.addrs() {
        println!("http://{address}");
    }
    // On SIGINT and SIGTERM, actix finishes the requests that it has begun and stops. What is being stored for clients that have gone
    // is waited for too.
    server.run().await?;
    finishing.finish().await;
    println!("bye");
    Ok(())
}
