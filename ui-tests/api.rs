//! The public items of `actix-typed-session`, as its sources declare them.
//!
//! In: the source files, from `lib.rs` along their `mod` declarations. Out: a list of what users can name, as Rust without bodies and without
//! documentation, for all features together. Never: what generated code names, in `__private`.
//!
//! `API=overwrite` writes the list to `public-api.rs.txt`. A change of it is a change of the public API, to be looked at as such.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

use syn::{
    Attribute, Fields, ImplItem, Item, ItemImpl, ItemUse, TraitItem, Type, UseTree, Visibility, parse_quote,
};

/// A module's path from the root of the crate, or an item's.
type Place = Vec<String>;

const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/public-api.rs.txt");

#[derive(Default)]
struct Crate {
    modules: BTreeMap<Place, Vec<Item>>,
}

#[test]
fn the_public_api_is_as_listed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../session/src");
    let mut krate = Crate::default();
    krate.read(&root.join("lib.rs"), &root, &Vec::new());
    let mut list = BTreeMap::new();
    krate.list(&Vec::new(), "actix_typed_session", &mut list);
    let list: Vec<String> = list.into_iter().map(|(path, text)| format!("// {path}\n{text}")).collect();
    let list = list.join("\n");
    if env::var("API").is_ok_and(|api| api == "overwrite") {
        fs::write(LIST, &list).unwrap();
    }
    let known = fs::read_to_string(LIST).unwrap_or_default();
    let (known_lines, lines): (BTreeSet<_>, BTreeSet<_>) = (known.lines().collect(), list.lines().collect());
    assert!(
        known == list,
        "the public API is not as listed; look at the change, and run the test with API=overwrite\ngone: {:#?}\nnew: {:#?}",
        known_lines.difference(&lines).collect::<Vec<_>>(),
        lines.difference(&known_lines).collect::<Vec<_>>(),
    );
}

impl Crate {
    /// Reads a file and those of its modules, which are in `folder`.
    fn read(&mut self, file: &Path, folder: &Path, place: &Place) {
        let file = syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap();
        self.add(file.items, folder, place);
    }

    fn add(&mut self, items: Vec<Item>, folder: &Path, place: &Place) {
        let mut own = Vec::new();
        for item in items {
            if let Item::Mod(module) = &item
                && !is_for_tests(&module.attrs)
                && !says(&module.attrs, "path =")
            // what generated code names
            {
                let name = module.ident.to_string();
                let inner: Place = place.iter().cloned().chain([name.clone()]).collect();
                match &module.content {
                    Some((_, items)) => self.add(items.clone(), &folder.join(&name), &inner),
                    None => self.read(&file_of(folder, &name), &folder.join(&name), &inner),
                }
            }
            own.push(item);
        }
        self.modules.insert(place.clone(), own);
    }

    /// Lists what the module at `place`, which users know as `path`, shows.
    fn list(&self, place: &Place, path: &str, list: &mut BTreeMap<String, String>) {
        for item in &self.modules[place] {
            match item {
                Item::Mod(module) if is_public(&module.vis) && !is_hidden(&module.attrs) => {
                    let inner: Place = place.iter().cloned().chain([module.ident.to_string()]).collect();
                    self.list(&inner, &format!("{path}::{}", module.ident), list);
                }
                Item::Use(item) if is_public(&item.vis) && !is_hidden(&item.attrs) => {
                    for (name, target) in names(item) {
                        let path = format!("{path}::{name}");
                        match self.resolve(place, &target) {
                            Some(target) if self.modules.contains_key(&target) => {
                                self.list(&target, &path, list);
                            }
                            Some(target) => drop(list.insert(path, self.show(&target))),
                            None => drop(list.insert(path, format!("pub use {};\n", target.join("::")))),
                        }
                    }
                }
                item => {
                    if let Some(name) = public_name(item) {
                        let target: Place = place.iter().cloned().chain([name.clone()]).collect();
                        list.insert(format!("{path}::{name}"), self.show(&target));
                    }
                }
            }
        }
    }

    /// Where the path `target`, written in the module at `place`, leads to; `None`: to another crate.
    fn resolve(&self, place: &Place, target: &[String]) -> Option<Place> {
        let (first, rest) = target.split_first()?;
        let mut at: Place = match &**first {
            "crate" => Vec::new(),
            "self" => place.clone(),
            "super" => place[..place.len() - 1].to_vec(),
            _ => return None,
        };
        at.extend(rest.iter().cloned());
        if self.modules.contains_key(&at) {
            return Some(at);
        }
        let (name, module) = at.split_last()?;
        let uses = self.modules.get(module)?.iter().filter_map(|item| match item {
            Item::Use(item) => Some(names(item)),
            _ => None,
        });
        // It may be a face that shows what another module has.
        match uses.flatten().find(|(shown, _)| shown == name) {
            Some((_, target)) => self.resolve(&module.to_vec(), &target),
            None => Some(at),
        }
    }

    /// An item without bodies and documentation, its methods, and the traits that it implements.
    fn show(&self, target: &[String]) -> String {
        let (name, module) = target.split_last().unwrap();
        let item = self.modules[module].iter().find(|item| item_name(item).as_deref() == Some(&**name));
        let item = item.unwrap_or_else(|| panic!("{target:?} is not found"));
        let mut items = vec![stripped(item.clone())];
        let (mut traits, mut methods) = (BTreeSet::new(), Vec::new());
        let all = self.modules.values().flatten().filter_map(|item| match item {
            Item::Impl(item) if !is_hidden(&item.attrs) => Some(item),
            _ => None,
        });
        for found in all.filter(|item| is_of(&item.self_ty, name)) {
            match &found.trait_ {
                Some(_) => drop(traits.insert(print(vec![Item::Impl(emptied(found.clone()))]))),
                None => methods.push(public_methods(found.clone())),
            }
        }
        items.extend(methods.into_iter().filter(|found| !found.items.is_empty()).map(Item::Impl));
        print(items) + &traits.into_iter().collect::<String>()
    }
}

fn print(items: Vec<Item>) -> String {
    prettyplease::unparse(&syn::File { shebang: None, attrs: Vec::new(), items })
}

fn file_of(folder: &Path, name: &str) -> PathBuf {
    let flat = folder.join(format!("{name}.rs"));
    if flat.exists() { flat } else { folder.join(name).join("mod.rs") }
}

const fn is_public(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

fn says(attrs: &[Attribute], what: &str) -> bool {
    attrs.iter().any(|attr| quote::quote!(#attr).to_string().contains(what))
}

fn is_for_tests(attrs: &[Attribute]) -> bool {
    says(attrs, "cfg (test)") || says(attrs, "doctest")
}

/// Whether users do not see it.
fn is_hidden(attrs: &[Attribute]) -> bool {
    says(attrs, "doc (hidden)") || is_for_tests(attrs)
}

/// The names that a `use` shows, each with the path that it stands for.
fn names(item: &ItemUse) -> Vec<(String, Place)> {
    fn walk(tree: &UseTree, before: &Place, names: &mut Vec<(String, Place)>) {
        let with = |ident: &syn::Ident| before.iter().cloned().chain([ident.to_string()]).collect::<Place>();
        match tree {
            UseTree::Path(path) => walk(&path.tree, &with(&path.ident), names),
            UseTree::Name(name) => names.push((name.ident.to_string(), with(&name.ident))),
            UseTree::Rename(name) => names.push((name.rename.to_string(), with(&name.ident))),
            UseTree::Group(group) => {
                for tree in &group.items {
                    walk(tree, before, names);
                }
            }
            UseTree::Glob(_) => panic!("a list cannot show `*`"),
        }
    }
    let mut names = Vec::new();
    walk(&item.tree, &Vec::new(), &mut names);
    names
}

fn item_name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

fn public_name(item: &Item) -> Option<String> {
    let (vis, attrs) = match item {
        Item::Const(item) => (&item.vis, &item.attrs),
        Item::Enum(item) => (&item.vis, &item.attrs),
        Item::Fn(item) => (&item.vis, &item.attrs),
        Item::Struct(item) => (&item.vis, &item.attrs),
        Item::Trait(item) => (&item.vis, &item.attrs),
        Item::Type(item) => (&item.vis, &item.attrs),
        _ => return None,
    };
    item_name(item).filter(|_| is_public(vis) && !is_hidden(attrs))
}

/// Whether `ty` is the type called `name`, with whatever parameters.
fn is_of(ty: &Type, name: &str) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == name))
}

/// The attributes that say what users may do.
fn kept(attrs: &mut Vec<Attribute>) {
    attrs.retain(|attr| {
        ["derive", "non_exhaustive", "must_use"].iter().any(|name| attr.path().is_ident(name))
    });
}

fn stripped(mut item: Item) -> Item {
    match &mut item {
        Item::Const(item) => kept(&mut item.attrs),
        Item::Type(item) => kept(&mut item.attrs),
        Item::Enum(item) => {
            kept(&mut item.attrs);
            for variant in &mut item.variants {
                kept(&mut variant.attrs);
                strip_fields(&mut variant.fields, |_| true);
            }
        }
        Item::Struct(item) => {
            kept(&mut item.attrs);
            strip_fields(&mut item.fields, is_public);
        }
        Item::Fn(item) => {
            kept(&mut item.attrs);
            item.block = parse_quote!({});
        }
        Item::Trait(item) => {
            kept(&mut item.attrs);
            item.items.retain_mut(|item| match item {
                TraitItem::Fn(item) => {
                    let shown = !is_hidden(&item.attrs);
                    kept(&mut item.attrs);
                    item.default = item.default.take().map(|_| parse_quote!({}));
                    shown
                }
                TraitItem::Type(item) => {
                    kept(&mut item.attrs);
                    true
                }
                _ => true,
            });
        }
        _ => {}
    }
    item
}

/// Leaves the fields that users see.
fn strip_fields(fields: &mut Fields, is_seen: impl Fn(&Visibility) -> bool) {
    let list = match fields {
        Fields::Named(fields) => &mut fields.named,
        Fields::Unnamed(fields) => &mut fields.unnamed,
        Fields::Unit => return,
    };
    *list = std::mem::take(list)
        .into_iter()
        .filter(|field| is_seen(&field.vis))
        .map(|mut field| {
            kept(&mut field.attrs);
            field
        })
        .collect();
}

fn emptied(mut item: ItemImpl) -> ItemImpl {
    item.attrs.clear();
    item.items.clear();
    item
}

fn public_methods(mut item: ItemImpl) -> ItemImpl {
    item.attrs.clear();
    item.items.retain_mut(|item| match item {
        ImplItem::Fn(item) => {
            let shown = is_public(&item.vis) && !is_hidden(&item.attrs);
            kept(&mut item.attrs);
            item.block = parse_quote!({});
            shown
        }
        ImplItem::Const(item) => is_public(&item.vis),
        _ => false,
    });
    item
}
