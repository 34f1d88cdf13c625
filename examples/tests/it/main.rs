//! The programs as a visitor meets them: started as processes, used over HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in a test this is how to fail

mod browser;
mod deploy;
mod devices;
mod program;
mod readme;
// What the stores' own tests start their servers with.
#[path = "../../../tests/it/servers/mod.rs"]
#[allow(dead_code, unused_imports)] // not all of it is needed here
mod servers;
mod shop;
mod shop_options;
