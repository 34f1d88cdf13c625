//! In: the source files of this crate, from `lib.rs` along their `mod` declarations. Out: every path that names a file further down.
//!
//! The files of a crate are read in one order: a folder's files as its `mod` declarations list them, and its `mod.rs` after them,
//! because that is where they come together. A file may name only files that come before it. So there are no circles, and
//! nothing inside the crate is imported through `lib.rs`. Code under `#[cfg(test)]` may name everything.
//!
//! Never sees a type or a method: the rule is about the paths that begin with `crate`, `super` or `self`.

use std::collections::BTreeMap;
use std::path::Path;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A module's path from the root of the crate: `["store", "redis"]`.
type Module = Vec<String>;

/// The files of a crate in their reading order.
#[derive(Default)]
struct Files {
    /// Each file with the module that it is, and its tokens outside of tests.
    files: Vec<(String, Module, TokenStream)>,
    /// Where in `files` each module is written.
    modules: BTreeMap<Module, usize>,
}

/// The paths that point down, as messages. `read` gives the text of a file, if there is one of that name.
fn misplaced(read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut files = Files::default();
    let mut problems = Vec::new();
    files.walk(&read, "lib.rs", "", Vec::new(), &mut problems);
    for (at, (file, module, tokens)) in files.files.iter().enumerate() {
        let mut named = Vec::new();
        paths(tokens, module, &mut named);
        for path in named {
            let target = files.file_of(&path);
            if target > at {
                let (below, ..) = &files.files[target];
                problems.push(format!(
                    "{file} names `crate::{}`, which is in {below}, further down",
                    path.join("::")
                ));
            }
        }
    }
    problems
}

impl Files {
    /// Adds the files below `file`, then `file` itself. `folder` is where its own modules are.
    fn walk(
        &mut self,
        read: &impl Fn(&str) -> Option<String>,
        file: &str,
        folder: &str,
        module: Module,
        problems: &mut Vec<String>,
    ) {
        let Some(text) = read(file) else {
            problems.push(format!("{file} is declared and not found"));
            return;
        };
        let tokens: TokenStream = text.parse().unwrap();
        let tokens = without_tests(tokens);
        let mut inline = Vec::new();
        self.walk_modules(read, &tokens, folder, &module, problems, &mut inline);
        let at = self.files.len();
        self.modules.extend(inline.into_iter().map(|module| (module, at)));
        self.modules.insert(module.clone(), at);
        self.files.push((file.to_owned(), module, tokens));
    }

    /// Follows the `mod` declarations among `tokens`; modules with a body go to `inline`.
    fn walk_modules(
        &mut self,
        read: &impl Fn(&str) -> Option<String>,
        tokens: &TokenStream,
        folder: &str,
        module: &Module,
        problems: &mut Vec<String>,
        inline: &mut Vec<Module>,
    ) {
        let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
        let mut path = None;
        for at in 0..tokens.len() {
            path = path_attribute(&tokens[at]).or(path);
            let Some((name, body)) = declaration(&tokens[at..]) else { continue };
            let inner: Module = module.iter().cloned().chain([name.clone()]).collect();
            if let Some(body) = body {
                inline.push(inner.clone());
                self.walk_modules(read, &body, &format!("{folder}{name}/"), &inner, problems, inline);
                continue;
            }
            let (flat, nested) = (format!("{folder}{name}.rs"), format!("{folder}{name}/mod.rs"));
            let file = match path.take() {
                Some(path) => format!("{folder}{path}"),
                None if read(&flat).is_some() => flat,
                None => nested,
            };
            self.walk(read, &file, &format!("{folder}{name}/"), inner, problems);
        }
    }

    /// The file that `path` leads to: that of the innermost module on it.
    fn file_of(&self, path: &[String]) -> usize {
        let known = (0..=path.len()).rev().find_map(|length| self.modules.get(&path[..length]));
        known.copied().unwrap_or(self.files.len() - 1)
    }
}

/// `mod name;` or `mod name { body }`, if one begins here.
fn declaration(tokens: &[TokenTree]) -> Option<(String, Option<TokenStream>)> {
    match tokens {
        [TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Punct(_), ..] if word == "mod" => {
            Some((name.to_string(), None))
        }
        [TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Group(body), ..] if word == "mod" => {
            Some((name.to_string(), Some(body.stream())))
        }
        _ => None,
    }
}

/// The file in `[path = "file"]`.
fn path_attribute(token: &TokenTree) -> Option<String> {
    let TokenTree::Group(group) = token else { return None };
    let text = group.stream().to_string();
    let text = text.strip_prefix("path = \"")?.strip_suffix('"')?;
    (group.delimiter() == Delimiter::Bracket).then(|| text.to_owned())
}

/// The tokens without what stands under `#[cfg(test)]`, and without the paths of `pub(in ..)`.
fn without_tests(tokens: TokenStream) -> TokenStream {
    let mut kept = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == '#' && tokens.peek().is_some_and(is_cfg_test) => {
                skip_item(&mut tokens);
                continue;
            }
            TokenTree::Ident(word) if *word == "pub" => {
                tokens.next_if(|next| is_group(next, Delimiter::Parenthesis));
            }
            _ => {}
        }
        kept.extend([match token {
            TokenTree::Group(group) => {
                TokenTree::Group(Group::new(group.delimiter(), without_tests(group.stream())))
            }
            other => other,
        }]);
    }
    kept
}

fn is_group(token: &TokenTree, delimiter: Delimiter) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == delimiter)
}

/// `[cfg(test)]` or `[cfg(all(test, ..))]`
fn is_cfg_test(token: &TokenTree) -> bool {
    let text: String = token.to_string().split_whitespace().collect();
    is_group(token, Delimiter::Bracket) && (text == "[cfg(test)]" || text.starts_with("[cfg(all(test,"))
}

/// Skips one item, or one field, argument or arm, and the attributes before it.
fn skip_item(tokens: &mut impl Iterator<Item = TokenTree>) {
    const ITEMS: &str =
        " async const enum extern fn impl macro_rules mod static struct trait type union unsafe use ";
    let mut item = None;
    for token in tokens {
        let is_use = item.as_deref() == Some("use");
        match token {
            TokenTree::Ident(word) if item.is_none() && ITEMS.contains(&format!(" {word} ")) => {
                item = Some(word.to_string());
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => return,
            TokenTree::Punct(punct) if punct.as_char() == ',' && item.is_none() => return,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !is_use => return,
            _ => {}
        }
    }
}

/// Every path in `tokens` that begins in this crate, from the root. `module` is where the tokens stand.
fn paths(tokens: &TokenStream, module: &Module, found: &mut Vec<Module>) {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if let Some((name, Some(body))) = declaration(&tokens[at..]) {
            paths(&body, &module.iter().cloned().chain([name]).collect(), found);
            at += 3;
            continue;
        }
        match token {
            TokenTree::Ident(word)
                if ["crate", "self", "super"].iter().any(|begin| word == begin)
                    && is_separator(&tokens, at + 1) =>
            {
                at = path(&tokens, at, module, found);
                continue;
            }
            TokenTree::Group(group) => paths(&group.stream(), module, found),
            _ => {}
        }
        at += 1;
    }
}

/// Reads the path, or the tree of a `use`, that begins at `at` and goes on from `before`. Where it ends is returned.
fn path(tokens: &[TokenTree], mut at: usize, before: &Module, found: &mut Vec<Module>) -> usize {
    let mut path = before.clone();
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(word)) => match word.to_string().as_str() {
                "crate" => path.clear(),
                "self" => {}
                "super" => drop(path.pop()),
                word => path.push(word.trim_start_matches("r#").to_owned()),
            },
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let entries: Vec<TokenTree> = group.stream().into_iter().collect();
                let is_comma =
                    |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
                for entry in entries.split(is_comma).filter(|entry| !entry.is_empty()) {
                    self::path(entry, 0, &path, found);
                }
                return at + 1;
            }
            _ => break,
        }
        at += 1;
        if !is_separator(tokens, at) {
            break;
        }
        at += 2;
    }
    found.push(path);
    at
}

/// `::`
fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |at| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    colon(at) && colon(at + 1)
}

#[test]
fn files_name_only_what_stands_above_them() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let problems = misplaced(|file| std::fs::read_to_string(src.join(file)).ok());
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// The rule on a crate of four files, of which one has a line added.
#[test]
fn a_path_that_points_down_is_found() {
    let check = |changed: &str, line: &str| {
        let files = [
            (
                "lib.rs",
                "mod first; pub(crate) mod folder; #[path = \"end.rs\"] mod last; pub use folder::Face;",
            ),
            ("first.rs", "pub(super) struct First;"),
            ("folder/mod.rs", "mod one; mod two; pub(crate) use one::One; pub(crate) struct Face;"),
            ("folder/one.rs", "use crate::first::First;"),
            ("folder/two.rs", "use super::one::{self, One as Only}; mod inner { use super::super::one; }"),
            ("end.rs", "use crate::{first, folder::{Face, two::*}};"),
        ];
        let problems = misplaced(|file| {
            let (_, text) = files.iter().find(|(name, _)| *name == file)?;
            Some(if file == changed { format!("{text} {line}") } else { (*text).to_owned() })
        });
        problems.join("\n")
    };
    assert_eq!(check("", ""), "");
    for (file, line, expected) in [
        (
            "first.rs",
            "use crate::folder::one::One;",
            "first.rs names `crate::folder::one::One`, which is in folder/one.rs, further down",
        ),
        (
            "folder/one.rs",
            "use super::two;",
            "folder/one.rs names `crate::folder::two`, which is in folder/two.rs, further down",
        ),
        // A folder's own face, the crate's, and all of a module that stands below.
        (
            "folder/two.rs",
            "use super::Face;",
            "folder/two.rs names `crate::folder::Face`, which is in folder/mod.rs, further down",
        ),
        (
            "folder/one.rs",
            "use crate::Face;",
            "folder/one.rs names `crate::Face`, which is in lib.rs, further down",
        ),
        (
            "folder/one.rs",
            "use super::*;",
            "folder/one.rs names `crate::folder`, which is in folder/mod.rs, further down",
        ),
        // In the midst of a tree, in an expression, in a module of the file, in a macro.
        (
            "first.rs",
            "use crate::{first, folder::{one::One}};",
            "first.rs names `crate::folder::one::One`, which is in folder/one.rs, further down",
        ),
        (
            "first.rs",
            "fn f() { g(crate::last::h()); }",
            "first.rs names `crate::last::h`, which is in end.rs, further down",
        ),
        (
            "first.rs",
            "mod inner { use super::super::last; }",
            "first.rs names `crate::last`, which is in end.rs, further down",
        ),
        (
            "first.rs",
            "macro_rules! m { () => { $crate::last::h() } }",
            "first.rs names `crate::last::h`, which is in end.rs, further down",
        ),
        ("folder/mod.rs", "mod three;", "folder/three/mod.rs is declared and not found"),
    ] {
        assert_eq!(check(file, line), expected);
    }
    for line in [
        "#[cfg(test)] use crate::last::{A, B};",
        "#[cfg(test)] mod tests { use crate::last::A; }",
        "#[cfg(test)] #[derive(Debug)] struct A<T, U>(crate::last::A<T, U>);",
        "struct A { #[cfg(test)] a: crate::last::A, b: u8 }",
        "#[cfg(all(test, unix))] mod tests;",
        "/// [`crate::last::A`]\npub(in crate::last) struct A;",
    ] {
        assert_eq!(check("first.rs", line), "", "{line}");
    }
}
