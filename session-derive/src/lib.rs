//! The derive macro of `actix-typed-session`; use it from there.
//!
//! In: a struct. Out: an implementation of `SessionState` and a handle with getters and setters. Never panics on any
//! input, and never stops at the first mistake.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing))] // in a test this is how to fail

#[cfg(test)]
mod order;

mod options;
mod words;
mod ident;
mod errors;
mod krate;
mod attr;
mod model;
mod lock;
mod check;
mod expand;
mod value;

use proc_macro::TokenStream;
use syn::DeriveInput;

/// Turns a struct into a session schema: a handle with getters and setters, which handlers extract.
///
/// ```
/// use actix_typed_session::{SessionState, TypedSession};
///
/// #[derive(SessionState)]
/// #[session(version = 1)]
/// pub struct Shop {
///     /// Who is signed in.
///     #[session(principal)]
///     user: Option<u64>,
///     #[session(default)]
///     cart: Vec<u32>,
///     #[session(flash)]
///     notice: Option<String>,
/// }
///
/// async fn add(mut shop: TypedSession<Shop>) -> String {
///     shop.update_cart(|cart| cart.push(11)); // runs again on fresh data if another request was faster
///     shop.set_notice("added");
///     format!("{} in the cart", shop.cart().len())
/// }
/// ```
///
/// # What is generated
///
/// Beside `Shop` stands `ShopHandle`, which is what `TypedSession<Shop>` means. It derefs to `&Shop`, so fields and
/// `&self` methods of `Shop` are there too. For each field, with the field's docs and visibility:
///
/// | Method | For | Does |
/// |---|---|---|
/// | `cart()` | every field | reads; cannot fail |
/// | `set_cart(value)` | every field | writes, whatever was there: the last writer wins |
/// | `update_cart(closure)` | every field but the principal | changes from the present value, exactly once |
/// | `clear_cart()` | `Option` | sets to `None` |
/// | `take_cart()` | `flash` | takes the value out, to show it |
///
/// And on the handle itself, with the visibility of the struct: `update(closure)` for several fields together,
/// `try_update(closure).await` to commit now and learn the result, and `session()` for the life-cycle. A getter of one of
/// these names is an error; see `getter` below.
///
/// # Types
///
/// A field's type is stored as JSON: it implements `serde::Serialize` and `serde::Deserialize`. A session starts empty, so
/// every field is an `Option` or has a `default`.
///
/// Getters and setters follow the **spelling** of the type, since a derive sees no more than that:
///
/// | Spelled | Getter returns | Setter takes |
/// |---|---|---|
/// | `bool`, `char`, numbers, `NonZeroU8` .. | the value | the value |
/// | `String` | `&str` | `impl Into<String>` |
/// | `Vec<T>` | `&[T]` | `Vec<T>` |
/// | `Option<T>` | as for `T`, in an `Option` | `T`, `Option<T>`; `&str` for `Option<String>` |
/// | anything else, aliases too | `&T` | the value |
///
/// Paths such as `std::option::Option` and `::alloc::string::String` are recognized. If `Option`, `String` or `Vec` is a
/// type of yours, write it with its path (`self::Option`), and the standard library's with its own.
///
/// ```
/// # use actix_typed_session::SessionState;
/// type Points = Option<u32>; // an alias is "anything else"
///
/// #[derive(SessionState)]
/// #[session(version = 1)]
/// struct Game {
///     level: Option<u32>,
///     #[session(default)]
///     points: Points,
/// }
///
/// fn read(game: &GameHandle) {
///     let _: Option<u32> = game.level();
///     let _: &Option<u32> = game.points();
/// }
/// ```
///
/// # On the struct
///
/// ## `version = 1`
///
/// The version of the schema, an integer literal from 1 to 65535. It is the only option that every state needs. It is raised by one
/// in each release that changes what is stored: `since`, `changed`, `removed` and `step` say how.
///
/// ## `name = ".."`
///
/// The name of the schema in the store, 1 to 32 of `a-z`, `0-9`, `_`, starting with a letter. Without it, it is the name of
/// the type in `snake_case`. Two types of one name cannot share a session, so a library should choose one that is its own.
///
/// ```
/// # use actix_typed_session::SessionState;
/// #[derive(SessionState)]
/// #[session(name = "acme_shop", version = 1)]
/// struct State {
///     user: Option<u64>, // stored as `acme_shop.user`
/// }
/// ```
///
/// ## `removed(key = "..", ty = .., since = ..)`
///
/// A field that the struct no longer has: its wire key, its type, and the first version without it. Its cells are left alone for older
/// binaries, and its key is not used again.
///
/// ```
/// # use actix_typed_session::SessionState;
/// #[derive(SessionState)]
/// #[session(version = 2, removed(key = "theme", ty = String, since = 2))]
/// struct Shop {
///     user: Option<u64>,
/// }
/// ```
///
/// ## `step(since = .., from(..), to(..), up = .., down = ..)`
///
/// Fields that became other fields: the wire keys that it reads and what they held, and those that it writes, which are fields that
/// begin in the same version. `up` takes the values of `from` and returns those of `to`, `down` is the way back, for binaries that may
/// still be running. Several values are one tuple. Fields of one step are stored together; a function may return a `Result`. A
/// key that is no identifier, or that has a version from `changed`, is written in quotes (`"last-seen"`, `"cart@3"`); where one of
/// several fields of `from` was never set, it is `Default::default()`, or what is written behind its type (`width: u32 = 3`).
///
/// ```
/// # use actix_typed_session::SessionState;
/// #[derive(SessionState)]
/// #[session(version = 3)]
/// #[session(step(since = 3, from(name: Option<String>), to(first, last), up = split, down = join))]
/// struct Shop {
///     #[session(since = 2)]
///     language: Option<String>,
///     #[session(since = 3)]
///     first: Option<String>,
///     #[session(since = 3)]
///     last: Option<String>,
/// }
///
/// fn split(name: Option<String>) -> (Option<String>, Option<String>) {
///     match name.as_deref().and_then(|name| name.split_once(' ')) {
///         Some((first, last)) => (Some(first.to_owned()), Some(last.to_owned())),
///         None => (name, None),
///     }
/// }
///
/// fn join((first, last): (Option<String>, Option<String>)) -> Option<String> {
///     match (first, last) {
///         (Some(first), Some(last)) => Some(format!("{first} {last}")),
///         (first, last) => first.or(last),
///     }
/// }
/// ```
///
/// ## `oldest_reader = 3`
///
/// The oldest version of which a binary may be running beside this one, the version before if it is not said. What this binary
/// writes, that one can read; a binary that is older still answers 503 and leaves the session as it is. Raised to the present
/// version once no older binary runs, it makes every `down` superfluous.
///
/// ```
/// # use actix_typed_session::SessionState;
/// #[derive(SessionState)]
/// #[session(version = 2, oldest_reader = 2)]
/// struct Shop {
///     #[session(default, changed(since = 2, from = u8, up = u32::from))]
///     hits: u32,
/// }
/// ```
///
/// ## `oldest_record = 3`
///
/// The oldest version of which a record may still be stored, 1 if it is not said; at most `oldest_reader`. Of changes up to that
/// version only what names keys must stay: `since` of a field, `changed(since = ..)` alone, and of a step
/// `step(since = .., from(name), to(first, last))`. A record that is older all the same is an error, and never read as empty.
///
/// ```
/// # use actix_typed_session::SessionState;
/// #[derive(SessionState)]
/// #[session(version = 2, oldest_reader = 2, oldest_record = 2)]
/// struct Shop {
///     #[session(default, changed(since = 2))] // stored as `shop.hits@2`
///     hits: u32,
/// }
/// ```
///
/// ## `crate = path`
///
/// Where the library is, if not at `::actix_typed_session`: for a crate that re-exports it, or renames it in `Cargo.toml`.
///
/// ```
/// mod framework {
///     pub use actix_typed_session as sessions;
/// }
///
/// #[derive(framework::sessions::SessionState)]
/// #[session(version = 1, crate = framework::sessions)]
/// struct Shop {
///     user: Option<u64>,
/// }
/// ```
///
/// ## `lock = required`, `warn` or `off`
///
/// What to do about a schema without a lock file: an error, a warning (the default), nothing. With `off` nothing is compared
/// either.
///
/// The lock file is `session-schemas/shop.lock` beside `Cargo.toml`, to be committed. It says what every released version stores, so
/// that a change which older binaries or older sessions could not follow is a compile error instead of a lost field:
///
/// ```text
/// $ SESSION_LOCK=update cargo test session_lock     # writes the lock: at first, and after each change of an unreleased version
/// $ SESSION_LOCK=release cargo test session_lock    # before a release: freezes this version, and keeps a record that it wrote
/// ```
///
/// A released version is frozen but for its defaults and `reset_on_sign_in`, which `update` records, and `flash` and `lenient`, which
/// the lock does not know. What changes next takes the next `version`, as a draft that may change freely until it is released. The
/// principal stays what it is. Types that are spelled differently and stored alike are one type. To see inside your own types, give
/// them `#[derive(SessionValue)]`; other types are compared by their spelling.
///
/// The derive itself never writes, so `SESSION_LOCK=update cargo build` does nothing: a test does that it generates,
/// `session_lock_shop`, and prints what it wrote and which of your types the lock cannot see into. On every other run that test reads
/// the records under `session-schemas/fixtures` back, which are to be committed too. It needs the derive to stand in a module (not in a function) of a target with tests.
/// What cargo unpacked, from a registry or a vendor folder, is not compared.
///
/// `SESSION_LOCK_DIR` names another folder for lock files, absolute or from the package's folder.
///
/// ```
/// # use actix_typed_session::SessionState;
/// #[derive(SessionState)]
/// #[session(version = 1, lock = off)]
/// struct Scratch {
///     note: Option<String>, // may change in any way; sessions that hold it must not outlive a release
/// }
/// ```
///
/// ## `sample = path`
///
/// A function that makes the state for the record which `SESSION_LOCK=release` keeps; without it, the record holds the defaults.
/// The more it fills in, the more later versions are tested with. A release fails if a `down` fails on it, or an `up` on what `down`
/// made. Only tests call it.
///
/// ```
/// # use actix_typed_session::SessionState;
/// #[derive(SessionState)]
/// #[session(version = 1, sample = full_shop)]
/// struct Shop {
///     #[session(default)]
///     cart: Vec<u32>,
/// }
///
/// #[cfg(test)]
/// fn full_shop() -> Shop {
///     Shop { cart: vec![11, 12] }
/// }
/// ```
///
/// # On a field
///
/// ## `default` and `default = expression`
///
/// What the field reads as until it is first set: `Default::default()` of its type, or the expression, which is computed
/// anew each time and never stored by reading.
///
/// ```
/// # use actix_typed_session::SessionState;
/// #[derive(SessionState)]
/// #[session(version = 1)]
/// struct Shop {
///     #[session(default)]
///     visits: u32,
///     #[session(default = "en".to_owned())]
///     language: String,
/// }
/// ```
///
/// ## `key = ".."`
///
/// The field's name in the store, 1 to 64 of `a-z`, `A-Z`, `0-9`, `_`, `-`. Without it, it is the name of the field. Renaming
/// a field and keeping its data is this option with the old name.
///
/// ```
/// # use actix_typed_session::SessionState;
/// #[derive(SessionState)]
/// #[session(version = 1)]
/// struct Shop {
///     #[session(key = "nick")]
///     display_name: Option<String>, // stored as `shop.nick`
/// }
/// ```
///
/// ## `getter = ".."`
///
/// Another name for the getter, where the field's own is taken. Setters keep the field's name.
///
/// ```
/// # use actix_typed_session::{SessionState, TypedSession};
/// #[derive(SessionState)]
/// #[session(version = 1)]
/// struct Shop {
///     #[session(getter = "opening_session")]
///     session: Option<String>,
/// }
///
/// async fn handler(mut shop: TypedSession<Shop>) {
///     shop.set_session("morning");
///     shop.opening_session();
///     shop.session(); // the session's life-cycle
/// }
/// ```
///
/// ## `principal`
///
/// Who is signed in: an `Option` that identifies a user. Setting it renews the session's id by itself, clearing it ends the
/// session. One field of one schema may be the principal.
///
/// ```
/// # use actix_typed_session::{SessionState, TypedSession};
/// #[derive(SessionState)]
/// #[session(version = 1)]
/// struct Auth {
///     #[session(principal)]
///     user: Option<u64>,
/// }
///
/// async fn sign_in(mut auth: TypedSession<Auth>) {
///     auth.set_user(42);
/// }
/// async fn sign_out(mut auth: TypedSession<Auth>) {
///     auth.clear_user();
/// }
/// ```
///
/// ## `reset_on_sign_in`
///
/// The field is cleared when somebody signs in; others are kept, such as the cart that was filled before.
///
/// ```
/// # use actix_typed_session::SessionState;
/// #[derive(SessionState)]
/// #[session(version = 1)]
/// struct Auth {
///     #[session(principal)]
///     user: Option<u64>,
///     #[session(reset_on_sign_in)]
///     return_to: Option<String>,
/// }
/// ```
///
/// ## `flash`
///
/// An `Option` that is shown once: `take_notice()` returns it and leaves `None`.
///
/// ```
/// # use actix_typed_session::{SessionState, TypedSession};
/// #[derive(SessionState)]
/// #[session(version = 1)]
/// struct Shop {
///     #[session(flash)]
///     notice: Option<String>,
/// }
///
/// async fn page(mut shop: TypedSession<Shop>) -> String {
///     shop.take_notice().unwrap_or_default()
/// }
/// ```
///
/// ## `lenient`
///
/// A stored value that cannot be read reads as the default, and is reported. Without it, it is an error for the request, and
/// never overwritten: unreadable is not empty.
///
/// ```
/// # use actix_typed_session::SessionState;
/// #[derive(SessionState)]
/// #[session(version = 1)]
/// struct Shop {
///     #[session(default, lenient)]
///     recently_seen: Vec<u32>,
/// }
/// ```
///
/// ## `since = 2`
///
/// The version in which the field was added, 2 or later. Sessions of before read its default.
///
/// ```
/// # use actix_typed_session::SessionState;
/// #[derive(SessionState)]
/// #[session(version = 2)]
/// struct Shop {
///     user: Option<u64>,
///     #[session(since = 2, default = "en".to_owned())]
///     language: String,
/// }
/// ```
///
/// ## `changed(since = .., from = .., up = .., down = .., merge = ..)`
///
/// The field has another type since that version: from then on it is stored under a key of its own, `shop.cart@3`. `up` makes the new
/// value of the old one, `down` the old one of the new one, for binaries of before that may still be running: both forms are then
/// written, and the one that was edited last counts. `merge`, if there is one, makes the new value of what an older binary edited and the new
/// value of before, so that an edit there does not lose what only the newer form says. Each is the path of a function, which may return a
/// `Result`; one that fails or panics makes the field unreadable, or the save an error. Cleared (`null`) is cleared in every form,
/// without a call. May be given once per version, the oldest first.
///
/// `down(up(old))` should be `old`, and `merge(down(new), new)` should be `new`.
///
/// ```
/// # use actix_typed_session::SessionState;
/// type Line = (u32, u32); // which, and how many
///
/// #[derive(SessionState)]
/// #[session(version = 2)]
/// struct Shop {
///     #[session(default, changed(since = 2, from = Vec<u32>, up = to_lines, down = to_skus, merge = keep_quantities))]
///     cart: Vec<Line>,
/// }
///
/// fn to_lines(skus: Vec<u32>) -> Vec<Line> {
///     skus.into_iter().map(|sku| (sku, 1)).collect()
/// }
///
/// fn to_skus(lines: Vec<Line>) -> Vec<u32> {
///     lines.into_iter().map(|(sku, _)| sku).collect()
/// }
///
/// fn keep_quantities(edited: Vec<u32>, before: Vec<Line>) -> Vec<Line> {
///     let of = |sku| before.iter().find(|line| line.0 == sku).map_or(1, |line| line.1);
///     edited.into_iter().map(|sku| (sku, of(sku))).collect()
/// }
/// ```
#[proc_macro_derive(SessionState, attributes(session))]
pub fn session_state(input: TokenStream) -> TokenStream {
    derive(&syn::parse_macro_input!(input as DeriveInput), lock::source::Around::look).into()
}

/// Lets the lock file see inside a type of yours that a session stores.
///
/// Without it, such a type is known to the lock by its spelling alone: a field that is added to `Line` goes unnoticed. It generates
/// an implementation of `SessionShape`, a number that the compiler computes from what serde will write: names of fields and
/// variants, `#[serde(..)]` attributes, and the shapes of the types inside. The order of named fields, the name of the type, docs
/// and other derives make no difference; nor do `alias`, `deny_unknown_fields` and the `default` of a field that is always written.
/// With `#[serde(into = "..")]` the shape is that of the type named there.
///
/// ```
/// use actix_typed_session::SessionValue;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, SessionValue)]
/// struct Line {
///     sku: u32,
///     quantity: u32,
/// }
/// ```
///
/// # Options
///
/// `#[session(opaque)]` on a field: only the spelling of its type counts. Types of other crates need no mark, a type that contains
/// itself does, and so does one field of two types that contain each other: without it the compiler says `cycle detected`.
///
/// ```
/// # use actix_typed_session::SessionValue;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize, SessionValue)]
/// struct Category {
///     name: String,
///     #[session(opaque)]
///     inside: Vec<Category>,
/// }
/// ```
///
/// `#[session(crate = path)]` on the type: where the library is, as for `SessionState`.
#[proc_macro_derive(SessionValue, attributes(session))]
pub fn session_value(input: TokenStream) -> TokenStream {
    value::derive(&syn::parse_macro_input!(input as DeriveInput)).into()
}

fn derive(item: &DeriveInput, look: impl FnOnce(&str) -> lock::source::Around) -> proc_macro2::TokenStream {
    let errors = errors::Errors::new();
    let written = attr::read(&errors, item);
    let schema = model::decide(&written);
    let (accepted, locked) = judge(&errors, &written, &schema, &look(&schema.name.text));
    let code = if accepted { expand::all(&schema) } else { expand::stub(&schema) };
    let watch = expand::lock::watch(&schema, &locked);
    let test = expand::lock::test(&schema, &locked, written.sample.as_ref().map(|path| &path.value));
    // What mends a mistake may make a warning untrue.
    let warnings = errors.is_empty().then(|| expand::history::warnings(&schema));
    let errors = errors.finish().err().map(|errors| {
        let errors = errors.into_compile_error();
        // Of a module that says `compile_error!` itself, the compiler hides names that it cannot find.
        if accepted { quote::quote!(const _: () = { #errors };) } else { errors }
    });
    quote::quote!(#errors #code #warnings #watch #test)
}

/// Reports every mistake. Whether the schema is one, apart from what only its history refuses: then the compiler looks at its types
/// and functions too.
fn judge<'a>(
    errors: &errors::Errors,
    written: &'a attr::Written<'a>,
    schema: &model::Schema<'a>,
    around: &lock::source::Around,
) -> (bool, lock::Locked<'a>) {
    let unused = check::all(errors, written, schema, &lock::Past::of(schema, written, around));
    let accepted = errors.is_empty();
    let silent = unused.is_some();
    let is_known = unused.as_ref().is_none_or(|unused| unused.version == schema.version);
    let locked = if accepted && is_known {
        lock::check(errors, written, schema, silent, around)
    } else {
        lock::Locked::default()
    };
    // What the lock says is the nearer advice.
    if let Some(unused) = unused.filter(|_| !accepted || errors.is_empty()) {
        errors.at(unused.at, unused.message);
    }
    (accepted, locked)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a lock.
    fn derive(item: &DeriveInput) -> proc_macro2::TokenStream {
        super::derive(item, |_| lock::source::Around::nowhere())
    }

    /// `expand/*.expanded.rs` are the expansions of `expand/*.input.rs`, for people to read and for this test to keep true.
    /// `SNAPSHOT=overwrite cargo test -p actix-typed-session-derive` writes them anew.
    #[test]
    fn the_expansions_are_those_on_file() {
        for (name, input, on_file) in [
            ("shop", include_str!("expand/shop.input.rs"), include_str!("expand/shop.expanded.rs")),
            ("evolved", include_str!("expand/evolved.input.rs"), include_str!("expand/evolved.expanded.rs")),
        ] {
            let item: DeriveInput = syn::parse_str(input).unwrap();
            let file: syn::File = syn::parse2(derive(&item)).unwrap();
            let expansion = prettyplease::unparse(&file);
            if std::env::var_os("SNAPSHOT").is_some_and(|mode| mode == "overwrite") {
                let path = format!("{}/src/expand/{name}.expanded.rs", env!("CARGO_MANIFEST_DIR"));
                std::fs::write(path, &expansion).unwrap();
                continue;
            }
            for (at, (now, on_file)) in expansion.lines().zip(on_file.lines()).enumerate() {
                assert_eq!(now, on_file, "{name}, line {}", at + 1);
            }
            assert_eq!(expansion.len(), on_file.len(), "{name}");
        }
    }

    /// What is reserved is what the handle has, so that a method added to the one is missed in the other.
    #[test]
    fn reserved_names_are_the_own_methods_of_the_handle() {
        let item: DeriveInput = syn::parse_quote! {
            #[session(version = 1)]
            struct Shop {
                #[session(principal)]
                user: Option<u64>,
            }
        };
        let file: syn::File = syn::parse2(derive(&item)).unwrap();
        let mut own: Vec<String> = file
            .items
            .iter()
            .filter_map(|item| match item {
                syn::Item::Impl(item) if item.trait_.is_none() => Some(&item.items),
                _ => None,
            })
            .flatten()
            .filter_map(|item| match item {
                syn::ImplItem::Fn(method) => Some(method.sig.ident.to_string()),
                _ => None,
            })
            .filter(|name| !name.ends_with("user"))
            .collect();
        own.sort();
        let mut reserved: Vec<&str> = options::RESERVED
            .iter()
            .filter(|(_, owner)| *owner == options::Owner::Handle)
            .map(|(name, _)| *name)
            .collect();
        reserved.sort_unstable();
        assert_eq!(own, reserved);
    }

    /// Every option of the table is read by `attr`, or refused as not yet available.
    #[test]
    fn every_word_of_the_table_is_read() {
        for key in options::KEYS {
            let option: proc_macro2::TokenStream =
                if key.available { key.example.parse().unwrap() } else { key.word.parse().unwrap() };
            let (on_struct, on_field) = match key.place {
                options::Place::Struct => (quote::quote!(#[session(#option)]), None),
                options::Place::Field => (quote::quote!(), Some(quote::quote!(#[session(#option)]))),
                options::Place::Changed => {
                    (quote::quote!(), Some(quote::quote!(#[session(changed(#option))])))
                }
                options::Place::Removed => (quote::quote!(#[session(removed(#option))]), None),
                options::Place::Step => (quote::quote!(#[session(step(#option))]), None),
            };
            let item: DeriveInput = syn::parse_quote!(#on_struct struct Shop { #on_field user: Option<u64> });
            let errors = errors::Errors::new();
            attr::read(&errors, &item);
            let message = errors.finish().err().map(|error| error.to_string());
            match message {
                None => assert!(key.available, "{}", key.word),
                Some(message) => assert!(!key.available && message.contains("not available"), "{message}"),
            }
        }
    }
}
