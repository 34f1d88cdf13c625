//! In: the name of a schema and the environment. Out: the text of its lock file or the reason why there is none, and tokens that make
//! cargo rebuild when that changes.
//!
//! Never writes and never looks at the schema: editors expand macros in unsaved files, and the sources of dependencies are read-only.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use proc_macro2::TokenStream;
use quote::quote;

use super::data::Lock;

/// The folder of lock files beside `Cargo.toml`, unless `SESSION_LOCK_DIR` names another.
const DIRECTORY: &str = "session-schemas";

/// The lock file and the environment of one use of the derive.
pub(crate) struct Around {
    pub(crate) task: Task,
    pub(super) file: File,
    /// The path for messages: `session-schemas/shop.lock`.
    pub(crate) shown: String,
    /// A constant expression for the folder of the lock files.
    pub(crate) directory: TokenStream,
    /// Whether the state belongs to a test, a bench, an example or a doctest.
    pub(super) is_beside_the_product: bool,
}

/// What `SESSION_LOCK` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Check,
    Update,
    Release,
    Unknown(String),
}

pub(super) enum File {
    /// Nothing is compared: the package was unpacked by cargo, or cargo is not running.
    Ignored,
    /// There is no file. The locks are those of other schemas in the folder.
    Missing(Vec<Lock>),
    Unreadable(String),
    Text(String),
}

impl Around {
    /// Reads the environment and the lock file of a schema.
    pub(crate) fn look(schema: &str) -> Self {
        let task = match env::var("SESSION_LOCK").as_deref() {
            Err(_) | Ok("") => Task::Check,
            Ok("update") => Task::Update,
            Ok("release") => Task::Release,
            Ok(other) => Task::Unknown(other.to_owned()),
        };
        let chosen = env::var("SESSION_LOCK_DIR").ok().filter(|chosen| !chosen.is_empty());
        let below = chosen.as_deref().unwrap_or(DIRECTORY);
        let directory = if Path::new(below).is_absolute() {
            quote!(#below)
        } else {
            let below = format!("/{below}");
            quote!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), #below))
        };
        let name = format!("{schema}.lock");
        let file = match env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from) {
            // An invalid name could lead out of the folder.
            _ if !schema.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => File::Ignored,
            Some(package) if env::var_os("CARGO_PRIMARY_PACKAGE").is_some() || !is_unpacked(&package) => {
                // `join` replaces the package if `below` is absolute.
                read(&package.join(below), &name)
            }
            _ => File::Ignored,
        };
        let shown = format!("{below}/{name}");
        Self { task, file, shown, directory, is_beside_the_product: is_beside_the_product() }
    }

    /// Surroundings in which nothing is compared.
    #[cfg(test)]
    pub(crate) fn nowhere() -> Self {
        Self {
            task: Task::Check,
            file: File::Ignored,
            shown: String::new(),
            directory: TokenStream::new(),
            is_beside_the_product: false,
        }
    }

    /// Constants whose only effect is that cargo watches the lock file and the variables that chose it.
    pub(crate) fn watch(&self, schema: &str) -> TokenStream {
        let file = matches!(self.file, File::Text(_)).then(|| {
            let (directory, name) = (&self.directory, format!("/{schema}.lock"));
            quote!(
                const _: &[::core::primitive::u8] =
                    ::core::include_bytes!(::core::concat!(#directory, #name));
            )
        });
        quote! {
            const _: ::core::option::Option<&::core::primitive::str> = ::core::option_env!("SESSION_LOCK");
            const _: ::core::option::Option<&::core::primitive::str> = ::core::option_env!("SESSION_LOCK_DIR");
            #file
        }
    }
}

/// Whether the compiler works on a test, a bench, an example or a doctest. A state there may have the name of one in the product, and no
/// session outlives it.
fn is_beside_the_product() -> bool {
    let arguments: Vec<PathBuf> = env::args_os().map(PathBuf::from).collect();
    // Cargo puts programs in one folder and examples in another.
    let is_example =
        arguments.windows(2).any(|pair| matches!(pair, [flag, folder] if flag.as_os_str() == "--out-dir" && folder.ends_with("examples")));
    // Rustdoc names one doctest in a variable; for several in one crate there is only the file with their flags.
    let is_doctest = env::var_os("UNSTABLE_RUSTDOC_TEST_PATH").is_some()
        || arguments.iter().any(|argument| argument.ends_with("rustdoc-cfgs"));
    // Cargo sets it for tests and benches alone.
    is_example || is_doctest || env::var_os("CARGO_TARGET_TMPDIR").is_some()
}

/// Whether cargo unpacked the package from a registry or from git, or into a vendor folder. Its schemas were compared before it was
/// published, and a mistake could not be fixed here. Path dependencies are always compared.
fn is_unpacked(package: &Path) -> bool {
    package.join(".cargo-checksum.json").exists()
        || package.ancestors().any(|folder| folder.join(".cargo-ok").exists())
}

fn read(directory: &Path, name: &str) -> File {
    match fs::read_to_string(directory.join(name)) {
        Ok(text) => File::Text(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => File::Missing(others(directory)),
        Err(error) => File::Unreadable(error.to_string()),
    }
}

/// The readable locks in the folder. The schema may be one of them under a new name.
fn others(directory: &Path) -> Vec<Lock> {
    let files =
        fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let mut locks: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "lock"))
        .filter_map(|path| Lock::parse(&fs::read_to_string(path).ok()?).ok())
        .collect();
    locks.sort_by(|a, b| a.schema.cmp(&b.schema));
    locks
}
