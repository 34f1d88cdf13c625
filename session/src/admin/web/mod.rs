//! The pages for a support team (feature `admin`).
//!
//! Read in this order:
//!
//! * `words`: numbers and times as people read them.
//! * `html`: the frame of a page, and what goes into it.
//! * `minutes`: the counts of events, for the page of events.
//! * `pages`: what each page shows; pure.
//! * `answer`: what a handler answers.
//! * `reading`, `ending`: the handlers that show pages, and those that end sessions.
//! * `admin_scope`: the scope of an application, behind a guard.
//!
//! Never: a stored value, what opens a session, a page for anybody whom the guard has not let in.

mod words;
mod html;
mod minutes;
mod pages;
mod answer;
mod reading;
mod ending;
mod admin_scope;

pub use self::{
    admin_scope::{AdminScope, scope},
    minutes::EventsPerMinute,
};
