//! The source of the secret key.
//!
//! In: the environment, or a file beside the sessions. Out: the [`Key`], and a text that says where it came from. Never: prints the key.

use std::{
    env,
    error::Error,
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    path::Path,
};

use actix_typed_session::Key;
use base64::{Engine, engine::general_purpose::STANDARD};
use rand::{TryRng, rngs::SysRng};

use crate::options::StoreUrl;

const VARIABLE: &str = "SESSION_KEY";

pub(crate) fn obtain(store: &StoreUrl) -> Result<(Key, String), Box<dyn Error>> {
    match env::var(VARIABLE) {
        Ok(text) => {
            let key = text.parse().map_err(|error| format!("{VARIABLE}: {error}"))?;
            Ok((key, format!("from {VARIABLE}")))
        }
        Err(env::VarError::NotUnicode(_)) => {
            Err(format!("{VARIABLE} is not UTF-8; make a key with `openssl rand -base64 32`").into())
        }
        // Sessions in memory end with the program, so their key need not outlive it either.
        Err(_) if store.is_memory() => Ok((Key::generate()?, "made for this run".into())),
        Err(_) => beside(&store.file().unwrap_or(Path::new("shop")).with_extension("key")),
    }
}

/// Reads the key in the file `path`, and makes the file first if it does not exist.
fn beside(path: &Path) -> Result<(Key, String), Box<dyn Error>> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    match create(path) {
        Ok(()) => Ok((read(path)?, format!("made, and kept in {}", path.display()))),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Ok((read(path)?, format!("read from {}", path.display())))
        }
        Err(error) => Err(named(&error).into()),
    }
}

fn read(path: &Path) -> Result<Key, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    text.trim().parse().map_err(|error| format!("{}: {error}", path.display()))
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
