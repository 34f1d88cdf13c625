//! `docs/security.md` names tests: each of them is in the sources, and its comment has the first id of the row that names it. So are those
//! that `docs/from-actix-session.md` names.

use std::{fs, path::Path};

/// The folders in which cargo's path of a test begins.
const ROOTS: [&str; 2] = ["tests/it", "session/src"];

/// The rules that `conformance_tests!` makes tests of.
const RULES: &str = "session/src/store/conformance";

fn read(file: &str) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join(file)).ok()
}

/// The paths of tests in a text, which are code and begin with a module.
fn tests_in(text: &str) -> impl Iterator<Item = &str> {
    let code = text.split('`').skip(1).step_by(2);
    code.filter(|code| code.contains("::") && code.starts_with(char::is_lowercase))
}

/// The first id in the first cell of a row, without its level.
fn id_of(cell: &str) -> &str {
    let first = cell.split([',', '(', '–']).next().unwrap().trim();
    ["L1", "L2", "L3"].iter().find_map(|level| first.strip_suffix(level)).unwrap_or(first).trim()
}

/// The comment above a test in this text. Tests without an attribute are those whose names `listed` gives to a macro.
fn comment_in(file: &str, listed: &str, name: &str) -> Option<String> {
    let lines: Vec<&str> = file.lines().map(str::trim).collect();
    let is_head = |line: &str| {
        let after = line.split_once("fn ").and_then(|(_, after)| after.strip_prefix(name));
        after.is_some_and(|after| after.starts_with(['(', '<']))
    };
    let at = lines.iter().position(|line| is_head(line))?;
    let above: Vec<&str> =
        lines[..at].iter().rev().take_while(|line| line.starts_with(['#', '/'])).copied().collect();
    let is_test = above.iter().any(|line| line.ends_with("test]")) || gives_to_a_macro(listed, name);
    is_test.then(|| above.iter().rev().filter_map(|line| line.strip_prefix("///")).collect())
}

/// Whether a line within the braces of a macro ends with this name.
fn gives_to_a_macro(text: &str, name: &str) -> bool {
    let calls = text.split("\n}").filter_map(|item| item.split_once("! {"));
    let mut names = calls.flat_map(|(_, lines)| lines.lines());
    names.any(|line| line.trim_end_matches(';').split_whitespace().next_back() == Some(name))
}

/// The comment above the test with this path.
fn comment_of(test: &str) -> Option<String> {
    let (modules, name) = test.rsplit_once("::")?;
    ROOTS.iter().find_map(|root| {
        // Macros make a module for each store, so not each module is a file.
        let mut path = format!("{root}/{}", modules.replace("::", "/"));
        let file = loop {
            let found = read(&format!("{path}.rs")).or_else(|| read(&format!("{path}/mod.rs")));
            match found {
                Some(file) => break file,
                None => path.truncate(path.rfind('/').filter(|at| *at > root.len())?),
            }
        };
        comment_in(&file, &file, name).or_else(|| rule(name).filter(|_| file.contains("conformance_tests!")))
    })
}

/// The comment above a rule of the conformance suite.
fn rule(name: &str) -> Option<String> {
    let table = read(&format!("{RULES}/mod.rs"))?;
    let files = table.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    files
        .filter_map(|file| read(&format!("{RULES}/{file}.rs")))
        .find_map(|file| comment_in(&file, &table, name))
}

/// Whether a comment has this id, and not only one that begins or ends like it.
fn has(comment: &str, id: &str) -> bool {
    comment.match_indices(id).any(|(at, _)| {
        let (before, after) = (comment[..at].chars().next_back(), comment[at + id.len()..].chars().next());
        before.is_none_or(char::is_whitespace) && !after.is_some_and(char::is_alphanumeric)
    })
}

/// What is wrong with the tests that a page names.
fn problems(page: &str) -> Vec<String> {
    let missing = tests_in(page).filter(|test| comment_of(test).is_none());
    let mut problems: Vec<String> = missing.map(|test| format!("there is no test `{test}`")).collect();
    for row in page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")) {
        let id = id_of(row.split(" | ").next().unwrap());
        let tests = tests_in(row).filter_map(|test| Some((test, comment_of(test)?)));
        let silent = tests.filter(|(_, comment)| !has(comment, id));
        problems.extend(silent.map(|(test, _)| format!("the comment of `{test}` does not name {id}")));
    }
    problems
}

#[test]
fn each_test_that_the_page_about_security_names_exists_and_names_its_row() {
    let page = read("docs/security.md").unwrap();
    assert!(tests_in(&page).count() > 250);
    let problems = problems(&page);
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn each_test_that_the_page_about_actix_session_names_exists() {
    let page = read("docs/from-actix-session.md").unwrap();
    let named: Vec<&str> = tests_in(&page).filter(|test| test.starts_with("flow::")).collect();
    let missing: Vec<_> = named.iter().filter(|test| comment_of(test).is_none()).collect();
    assert!(named.len() > 20 && missing.is_empty(), "{missing:?}");
}

/// OWASP ASVS 5.0 1.2.3; CVE-2000-0001.
#[test]
fn a_page_that_names_what_is_not_there_is_found() {
    let this = "pages::a_page_that_names_what_is_not_there_is_found";
    for (page, found) in [
        (format!("| 1.2.3 L1 | What | `{this}` |"), vec![]),
        (format!("| CVE-2000-0001, CVE-2000-0002 (somebody) | `{this}`, `Session::renew` |"), vec![]),
        (format!("| 1.2.30 L1 | `{this}` |"), vec![format!("the comment of `{this}` does not name 1.2.30")]),
        (format!("| 2.3 – 2.4 | `{this}` |"), vec![format!("the comment of `{this}` does not name 2.3")]),
        ("see `pages::no_such_test`".into(), vec!["there is no test `pages::no_such_test`".into()]),
        ("`pages::problems` is none".into(), vec!["there is no test `pages::problems`".into()]),
        (
            "| 1.2.3 | `no::such::module`, `store::redis::contract::no_rule` |".into(),
            vec![
                "there is no test `no::such::module`".into(),
                "there is no test `store::redis::contract::no_rule`".into(),
            ],
        ),
    ] {
        assert_eq!(problems(&page), found, "{page}");
    }
}
