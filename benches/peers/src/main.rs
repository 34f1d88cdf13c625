//! The servers of the peers: one worker on one core, configured as their documentation recommends.
//!
//! In: what to serve, the URL of its database, the size of a session, and the core. Out: the port, as one line. The handlers for
//! actix-session are those that session-bench runs in process.
#![forbid(unsafe_code)]

#[path = "../../src/size.rs"]
mod size;
mod requests;
mod actix;
mod tower;

use std::{env, error::Error};

use rustix::thread::{CpuSet, sched_setaffinity};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [app, url, size, core] = &arguments[..] else {
        return Err("usage: session-bench-peers <app> <url> <size> <core>".into());
    };
    let mut only = CpuSet::new();
    only.set(core.parse()?);
    sched_setaffinity(None, &only)?;
    let size = size.parse()?;
    match app.as_str() {
        "actix-session-redis" | "actix-session-cookie" => {
            actix_web::rt::System::new().block_on(actix::serve(app, url, size))
        }
        app => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(tower::serve(app, url, size))
        }
    }
}
