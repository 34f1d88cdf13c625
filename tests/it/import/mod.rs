//! Sessions of actix-session that move here, one request at a time, with an old store that tests hold and break.
//!
//! `kit` has the old sessions and the application; `moves` what moves, `races` what requests at once do, `failures` what is lost: nothing.
//! The same with servers of the real crate is in `http::import`.

mod failures;
mod kit;
mod moves;
mod races;
