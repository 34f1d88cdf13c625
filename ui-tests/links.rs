//! The links of the documentation lead somewhere.
//!
//! In: the Markdown files of the repository. Out: each link to a file or a heading that is not there, and each that a reader of a package or of
//! the API documentation could not follow. Never: a request; links to other sites are not looked at.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn read(file: impl AsRef<Path>) -> String {
    let file = Path::new(ROOT).join(file);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The Markdown files in a folder, as paths from the root.
fn pages(folder: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(Path::new(ROOT).join(folder)).unwrap();
    let names = files.map(|file| Path::new(folder).join(file.unwrap().file_name()));
    names.filter(|page| page.extension().is_some_and(|is| is == "md")).collect()
}

/// A page without its blocks of code.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// Where the links of a page lead: `](target)` and `[label]: target`.
fn targets(text: &str) -> Vec<String> {
    let prose = prose(text);
    let inline = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let defined = prose.lines().filter(|line| line.starts_with('['));
    let defined = defined.filter_map(|line| line.split_once("]: ")).map(|(_, target)| target);
    inline.map(|(target, _)| target).chain(defined).map(str::to_owned).collect()
}

/// The labels that a page defines.
fn labels(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| line.starts_with('['));
    lines.filter_map(|line| line.split_once("]: ")).map(|(label, _)| label[1..].to_owned()).collect()
}

/// Whether a page has the heading of an anchor, as GitHub and mdBook make it.
fn has_heading(text: &str, anchor: &str) -> bool {
    let anchor_of = |heading: &str| -> String {
        let kept = heading.to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    let prose = prose(text);
    prose
        .lines()
        .any(|line| line.starts_with('#') && anchor_of(line.trim_start_matches('#').trim()) == anchor)
}

/// The repository's address, which stands in the workspace's manifest.
fn repository() -> String {
    let manifest = read("Cargo.toml");
    let line = manifest.lines().find_map(|line| line.strip_prefix("repository = \"")).unwrap();
    line.trim_end_matches('"').to_owned()
}

/// What is wrong with a link on a page.
fn broken(page: &Path, target: &str) -> Option<String> {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let repository = repository();
    let file = match path.strip_prefix(&repository) {
        Some(path) if path.starts_with("/blob/main/") || path.starts_with("/tree/main/") => {
            PathBuf::from(&path["/blob/main/".len()..])
        }
        Some(_) => return None,
        None if path.starts_with("http") => {
            let elsewhere = path.starts_with("https://github.com/actix-typed-session");
            return elsewhere.then(|| "is not below the repository of the manifest".to_owned());
        }
        None if path.starts_with("crate::guide::") => {
            let module = path.trim_start_matches("crate::guide::");
            let known = read("session/src/guide.rs").contains(&format!("page!({module}, "));
            return (!known).then(|| "names no page of `guide`".to_owned());
        }
        None if path.is_empty() => page.to_owned(),
        None => page.parent().unwrap().join(path),
    };
    let there = Path::new(ROOT).join(&file);
    if !there.exists() {
        return Some("names a file that is not there".to_owned());
    }
    let is_found = anchor.is_empty() || has_heading(&read(&file), anchor);
    (!is_found).then(|| "names a heading that is not there".to_owned())
}

#[test]
fn every_link_leads_somewhere() {
    let pages = [
        pages(""),
        pages("docs"),
        pages("session-admin"),
        pages("session-derive/docs"),
        pages("session/src/guide"),
    ];
    let mut found = Vec::new();
    for page in pages.concat() {
        for target in targets(&read(&page)) {
            found.extend(broken(&page, &target).map(|why| format!("{}: `{target}` {why}", page.display())));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// What registries show has no files beside it.
#[test]
fn links_in_what_is_published_are_absolute() {
    for page in ["README.md", "session-admin/README.md"] {
        let relative: Vec<_> = targets(&read(page))
            .into_iter()
            .filter(|to| !to.starts_with("https://") && !to.starts_with('#'))
            .collect();
        assert!(relative.is_empty(), "{page}: {relative:?}");
    }
}

/// The book has the pages of `docs`, and no other file of the repository.
#[test]
fn links_of_the_book_do_not_leave_its_folder() {
    for page in pages("docs") {
        let outside = targets(&read(&page)).into_iter().find(|to| to.starts_with("../"));
        assert_eq!(outside, None, "{}: link to the repository by its address", page.display());
    }
}

/// Modules of the API documentation have no files beside them either: a page there names others by labels, which `links.md` defines anew.
#[test]
fn pages_of_the_guide_name_others_by_labels() {
    let known = labels(&read("session/src/guide/links.md"));
    let guide = read("session/src/guide.rs");
    let names: Vec<_> = guide.split("page!(").skip(1).filter_map(|rest| rest.split('"').nth(1)).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let text = read(format!("docs/{name}"));
        for label in labels(&text) {
            let (_, target) = text.split_once(&format!("[{label}]: ")).unwrap();
            assert!(
                target.starts_with("https://") || known.contains(&label),
                "{name}: links.md lacks `{label}`"
            );
        }
        let prose = prose(&text);
        let inline = prose.split("](").skip(1).find(|to| !to.starts_with("https://") && !to.starts_with('#'));
        assert!(
            inline.is_none(),
            "{name}: make this link a label of links.md: {:?}",
            inline.unwrap().lines().next()
        );
    }
}

#[test]
fn the_readme_names_the_oldest_rust() {
    let manifest = read("Cargo.toml");
    let oldest = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")).unwrap();
    let oldest = oldest.trim_end_matches('"');
    let readme = read("README.md");
    for text in [format!("badge/rust-{oldest}%2B"), format!("\nRust {oldest} or later")] {
        assert!(readme.contains(&text), "{text}");
    }
}

#[test]
fn the_book_has_every_page() {
    let listed: BTreeSet<_> = targets(&read("docs/SUMMARY.md")).into_iter().collect();
    let there =
        pages("docs").into_iter().map(|page| page.strip_prefix("docs").unwrap().display().to_string());
    let there: BTreeSet<_> = there.filter(|page| page != "SUMMARY.md").collect();
    assert_eq!(listed, there);
}
