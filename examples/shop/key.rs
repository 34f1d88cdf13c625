//! Where the key comes from.
//!
//! In: the environment, or a file beside the sessions. Out: the [`Key`], and a line that says where it was. A key is never in the
//! source, and never printed.

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
        Err(env::VarError::NotUnicode(_)) => Err(format!("{VARIABLE} is not text").into()),
        // Sessions in memory end with the program, so the key may too.
        Err(_) if store.is_memory() => Ok((Key::generate()?, "made for this run".into())),
        Err(_) => beside(&store.file().unwrap_or(Path::new("shop")).with_extension("key")),
    }
}

/// The key in `path`, which is made when it is missing.
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

/// Fails when there is one already: an existing key is never overwritten.
fn create(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600); // for its owner's eyes only
    let mut file = options.open(path)?;
    let mut bytes = [0; 32];
    SysRng.try_fill_bytes(&mut bytes).map_err(std::io::Error::other)?;
    writeln!(file, "{}", STANDARD.encode(bytes))?;
    file.sync_all()
}
