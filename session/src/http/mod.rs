//! The edge: bytes in, bytes out.
//!
//! Read in this order:
//!
//! * `cookie`: reads and writes the session's cookie.
//! * `token`: what a client carries, an id or a whole session.
//! * `carrier`: the id travels in a cookie, or in a header.
//! * `caching`: keeps caches from giving a response to another visitor.
//! * `origin`: refuses what pages of other sites send.
//! * `workers`: notices a middleware that was made once for each worker.
//! * `site`: what the edge knows of an application: its cookie and its keys.
//! * `attached`: which session a request has, of those whose middlewares wrap its handler.
//! * `extract`: how handlers get the session.
//! * `loaded`: how guards and other middleware get a session that is loaded already.
//! * `signed_in`: handlers and routes for users who are signed in.
//! * `csrf`: takes the token of a session's pages back.
//! * `respond`: errors as responses.
//! * `middleware`: carries the request in and the commit out.
//! * `home`: where sessions live, a store or their cookies.
//! * `builder`: what an application may choose.
//! * `build`: checks that, and makes the middleware.
//!
//! Never: a rule about sessions.

pub(crate) mod cookie;
pub(crate) mod token;
pub(crate) mod carrier;
pub(crate) mod caching;
pub(crate) mod origin;
mod workers;
pub(crate) mod site;
pub(crate) mod attached;
pub(crate) mod extract;
pub(crate) mod loaded;
pub(crate) mod signed_in;
pub(crate) mod csrf;
mod respond;
pub(crate) mod middleware;
pub(crate) mod home;
pub(crate) mod builder;
pub(crate) mod build;
