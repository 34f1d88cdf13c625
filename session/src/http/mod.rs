//! The edge: bytes in, bytes out.
//!
//! Read in this order:
//!
//! * `cookie`: reads and writes the session's cookie.
//! * `origin`: refuses what pages of other sites send.
//! * `site`: what the edge knows of an application: its cookie and its keys.
//! * `extract`: how handlers, guards and other middleware get the session.
//! * `signed_in`: handlers and routes for users who are signed in.
//! * `csrf`: takes the token of a session's pages back.
//! * `respond`: errors as responses.
//! * `middleware`: carries the request in and the commit out.
//! * `builder`: what an application may choose.
//!
//! Never: a rule about sessions.

pub(crate) mod cookie;
pub(crate) mod origin;
pub(crate) mod site;
pub(crate) mod extract;
pub(crate) mod signed_in;
pub(crate) mod csrf;
mod respond;
pub(crate) mod middleware;
pub(crate) mod builder;
