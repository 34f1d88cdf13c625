//! What a request costs over HTTP: at full load, to the databases behind the server, and with many writers.

pub(crate) mod client;
pub(crate) mod wrk;
pub(crate) mod proxy;
pub(crate) mod load;
pub(crate) mod behind;
pub(crate) mod writers;
