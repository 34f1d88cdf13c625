//! Tests of the example programs, which run as processes and are used over HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a test fails by a panic

mod browser;
mod deploy;
mod devices;
mod program;
mod readme;
// The servers of the stores' own tests.
#[path = "../../../tests/it/servers/mod.rs"]
#[allow(dead_code, unused_imports)] // these tests need only a part of it
mod servers;
mod shop;
mod shop_options;
