//! In: whole items and the tables of options. Out: the expansions match the files, and the tables are complete.
//!
//! Never uses a lock file; `lock/tests` covers those.

use super::*;

/// Expands `item` without a lock file.
fn derive(item: &DeriveInput) -> proc_macro2::TokenStream {
    super::derive(item, |_| lock::source::Around::nowhere())
}

/// `expand/*.expanded.rs` hold the expansions of `expand/*.input.rs` for readers, and this test keeps them up to date.
/// `SNAPSHOT=overwrite cargo test -p actix-typed-session-derive` rewrites them.
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

/// The reserved names are exactly the handle's own methods, so a method added to the handle must be reserved too.
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

/// The page of the derive begins with a table of the options.
#[test]
fn the_documentation_lists_every_option() {
    let page = include_str!("../docs/session_state.md");
    let (_, on_the_struct) = page.split_once("on the struct | |").unwrap();
    let (on_the_struct, on_a_field) = on_the_struct.split_once("on a field | |").unwrap();
    for option in options::OPTIONS {
        let table = match option.place {
            options::Place::Struct => on_the_struct,
            options::Place::Field => on_a_field.split("\n\n").next().unwrap(),
            // These stand within an option.
            options::Place::Changed | options::Place::Removed | options::Place::Step => page,
        };
        let is_listed = [" ", "(", ")", "`", ","].iter().any(|end| {
            ["`", "(", ", "].iter().any(|start| table.contains(&format!("{start}{}{end}", option.word)))
        });
        assert!(is_listed, "{:?} {}", option.place, option.word);
    }
}

/// `attr` reads every option in the table.
#[test]
fn every_word_of_the_table_is_read() {
    for known in options::OPTIONS {
        let option: proc_macro2::TokenStream = known.example.parse().unwrap();
        let (on_struct, on_field) = match known.place {
            options::Place::Struct => (quote::quote!(#[session(#option)]), None),
            options::Place::Field => (quote::quote!(), Some(quote::quote!(#[session(#option)]))),
            options::Place::Changed => (quote::quote!(), Some(quote::quote!(#[session(changed(#option))]))),
            options::Place::Removed => (quote::quote!(#[session(removed(#option))]), None),
            options::Place::Step => (quote::quote!(#[session(step(#option))]), None),
        };
        let item: DeriveInput = syn::parse_quote!(#on_struct struct Shop { #on_field user: Option<u64> });
        let errors = errors::Errors::new();
        attr::read(&errors, &item);
        assert!(errors.finish().is_ok(), "{}", known.word);
    }
}
