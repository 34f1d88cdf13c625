//! Integration tests: the derive, schema changes, the flow of a request, real servers, and the stores.
#![allow(clippy::unchecked_time_subtraction)] // the times are constants in the tests, and an underflow panics
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a test fails by a panic

mod admin;
mod derive;
mod evolution;
mod flow;
mod http;
mod import;
mod in_process;
mod kit;
mod pages;
mod servers;
mod store;
mod testing;
