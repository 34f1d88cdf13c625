//! A server with sessions, for tests that start, stop and kill it.
//!
//! In: `app <store URL> <key> <deadline in ms> <runtime>`, where the runtime is `actix` or `tokio`. Out: `listening on <address>` as the first line of standard output, and reports on
//! standard error. Never: outlives its test.
//!
//! A line on standard input turns the store on, even if the server accepts no more connections. The server ends at the end of its
//! standard input, which happens when the test ends.

mod gates;
mod report;
mod routes;
mod state;
mod streams;
mod switch;

use std::{
    env,
    error::Error,
    io::{self, Write},
    process, thread,
    time::Duration,
};

use actix_typed_session::{Key, SessionMiddleware, store};
use actix_web::{App, HttpServer, dev::Service, web};

use self::{
    gates::{Gates, Unanswered},
    switch::{Mode, State, Switched},
};

fn main() -> Result<(), Box<dyn Error>> {
    report::to_stderr()?;
    match env::args().nth(4).as_deref() {
        // What `#[actix_web::main]` does.
        Some("actix") => actix_web::rt::System::new().block_on(serve()),
        // What `#[tokio::main]` does.
        Some("tokio") => tokio::runtime::Runtime::new()?.block_on(serve()),
        _ => Err("the runtime is missing".into()),
    }
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let mut argument = |what: &'static str| arguments.next().ok_or(what);
    let url = argument("the store's URL is missing")?;
    let key = Key::try_from(argument("the key is missing")?.as_bytes())?;
    let deadline = Duration::from_millis(argument("the deadline is missing")?.parse()?);

    let store = Switched::over(store::open(&url).await?);
    let to_turn = store.clone();
    thread::spawn(move || {
        for _ in io::stdin().lines().map_while(Result::ok) {
            to_turn.turn(Mode { loads: State::On, writes: State::On });
        }
        process::exit(0);
    });
    let sessions = SessionMiddleware::builder(store.clone(), key)
        .dangerous_insecure_cookie()
        .load_deadline(deadline)
        .save_deadline(deadline)
        .build()?;
    let finishing = sessions.clone();
    let (gates, store) = (web::Data::new(Gates::default()), web::Data::new(store));
    let server = HttpServer::new(move || {
        let seen = gates.clone();
        App::new()
            .app_data(gates.clone())
            .app_data(store.clone())
            .wrap(sessions.clone())
            .wrap_fn(move |request, service| {
                let unanswered = Unanswered::at(seen.clone());
                let answer = service.call(request);
                async move {
                    // Declared first, and so dropped last: a dropped request counts once everything inside it has been dropped.
                    let unanswered = unanswered;
                    let answer = answer.await;
                    unanswered.answered();
                    answer
                }
            })
            .configure(routes::all)
    })
    .workers(2)
    .shutdown_timeout(10)
    .bind(("127.0.0.1", 0))?;
    let address = server.addrs().first().copied().ok_or("no address")?;
    writeln!(io::stdout(), "listening on {address}")?;
    server.run().await?;
    finishing.finish().await;
    Ok(())
}
