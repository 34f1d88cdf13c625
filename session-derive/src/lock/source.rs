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
    pub(super) file: File,
    /// The path for messages: `session-schemas/shop.lock`.
    pub(crate) shown: String,
    /// A constant expression for the folder of the lock files.
    pub(crate) directory: TokenStream,
    /// The command that writes the lock file: `cargo test -p app --lib session_lock`.
    pub(super) command: String,
    /// Whether the state belongs to a test, a bench, an example or a doctest.
    pub(super) is_beside_the_product: bool,
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
        let is_beside_the_product = is_beside_the_product();
        Self { file, shown, directory, command: command(), is_beside_the_product }
    }

    /// Surroundings in which nothing is compared.
    #[cfg(test)]
    pub(crate) fn nowhere() -> Self {
        Self {
            file: File::Ignored,
            shown: String::new(),
            directory: TokenStream::new(),
            command: String::new(),
            is_beside_the_product: false,
        }
    }

    /// The path of the lock file as a constant expression, if there is one.
    pub(super) fn path(&self, schema: &str) -> Option<TokenStream> {
        let (directory, name) = (&self.directory, format!("/{schema}.lock"));
        matches!(self.file, File::Text(_)).then(|| quote!(::core::concat!(#directory, #name)))
    }

    /// Constants whose only effect is that cargo watches the lock file and the variable that chose its folder. Cargo cannot watch a file
    /// that is not there; the generated test notices when it appears.
    pub(super) fn watch(&self, schema: &str) -> TokenStream {
        let file = self.path(schema).map(|path| {
            quote!(
                const _: &[::core::primitive::u8] = ::core::include_bytes!(#path);
            )
        });
        quote! {
            const _: ::core::option::Option<&::core::primitive::str> = ::core::option_env!("SESSION_LOCK_DIR");
            #file
        }
    }
}

/// The command that runs the generated test, and compiles nothing else of the package: the rest may need the lock file.
fn command() -> String {
    let name = |variable| env::var(variable).unwrap_or_default();
    let target = match env::var("CARGO_BIN_NAME") {
        Ok(example) if is_example() => format!("--example {example}"),
        Ok(binary) => format!("--bin {binary}"),
        Err(_) if is_beside_the_product() => format!("--test {}", name("CARGO_CRATE_NAME")),
        Err(_) => "--lib".to_owned(),
    };
    format!("cargo test -p {} {target} session_lock", name("CARGO_PKG_NAME"))
}

/// Whether the compiler works on an example: cargo puts programs in one folder and examples in another.
fn is_example() -> bool {
    let arguments: Vec<PathBuf> = env::args_os().map(PathBuf::from).collect();
    arguments.windows(2).any(
        |pair| matches!(pair, [flag, folder] if flag.as_os_str() == "--out-dir" && folder.ends_with("examples")),
    )
}

/// Whether the compiler works on a test, a bench, an example or a doctest. A state there may have the name of one in the product, and no
/// session outlives it.
fn is_beside_the_product() -> bool {
    // Rustdoc names one doctest in a variable; for several in one crate there is only the file with their flags.
    let is_doctest = env::var_os("UNSTABLE_RUSTDOC_TEST_PATH").is_some()
        || env::args_os().any(|argument| Path::new(&argument).ends_with("rustdoc-cfgs"));
    // Cargo sets it for tests and benches alone.
    is_example() || is_doctest || env::var_os("CARGO_TARGET_TMPDIR").is_some()
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
