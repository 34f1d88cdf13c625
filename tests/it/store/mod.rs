//! Tests of the stores.

mod broken;
mod certificates;
mod conformance;
mod memory;
mod mysql;
mod postgres;
mod redis;
mod sqlite;
mod sweeper;
