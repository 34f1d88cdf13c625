//! The stores.

mod broken;
mod conformance;
mod memory;
mod redis;
mod sqlite;
