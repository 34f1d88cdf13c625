//! The source of the secret key.
//!
//! In: the environment, or a file beside the sessions. Out: the [`Keys`], and a text that says where it came from. Never: prints the key.

use std::{
    env,
    error::Error,
    fs::OpenOptions,
    io::{ErrorKind, Write},
    path::Path,
};

use actix_typed_session::{Key, Keys};
use base64::{Engine, engine::general_purpose::STANDARD};
use rand::{TryRng, rngs::SysRng};

use crate::options::StoreUrl;

const VARIABLE: &str = "SESSION_KEY";

pub(crate) fn obtain(store: &StoreUrl) -> Result<(Keys, String), Box<dyn Error>> {
    if env::var_os(VARIABLE).is_some() {
        return Ok((Keys::from_env(VARIABLE)?, format!("from {VARIABLE}")));
    }
    // Sessions in memory end with the program, so their key need not outlive it either.
    if store.is_memory() {
        return Ok((Key::generate()?.into(), "made for this run".into()));
    }
    beside(&store.file().unwrap_or(Path::new("shop")).with_extension("key"))
}

/// Reads the key in the file `path`, and makes the file first if it does not exist.
fn beside(path: &Path) -> Result<(Keys, String), Box<dyn Error>> {
    let origin = match create(path) {
        Ok(()) => "made, and kept in",
        Err(error) if error.kind() == ErrorKind::AlreadyExists => "read from",
        Err(error) => return Err(format!("{}: {error}", path.display()).into()),
    };
    Ok((Keys::from_file(path)?, format!("{origin} {}", path.display())))
}

/// Writes a new key into the file `path`. Fails if the file exists, so that a key is never overwritten.
fn create(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600); // only its owner may read it
    let mut file = options.open(path)?;
    let mut bytes = [0; 32];
    SysRng.try_fill_bytes(&mut bytes).map_err(std::io::Error::other)?;
    writeln!(file, "{}", STANDARD.encode(bytes))?;
    file.sync_all()
}
