//! The pages of the shop.
//!
//! In: the session, read-only. Out: HTML, in which maud has escaped every text. Never: a change.

mod devices;
mod frame;
mod home;
mod lab;
mod refused;

pub(crate) use self::{
    devices::devices,
    frame::{STYLE, missing},
    home::{Once, home},
    lab::lab,
    refused::{Asked, refused},
};
