//! Schema changes: binaries of several versions that share sessions.
#![allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps)] // conversions have the signatures that the derive requires

mod anew;
mod census;
mod corners;
mod deploy;
mod events;
mod expiring;
mod forms;
mod kinds;
mod kit;
mod model;
mod nested;
mod overlap;
mod place;
mod principal;
mod robust;
mod shop;
mod together;
mod versions;
