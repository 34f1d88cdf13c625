//! The text of a lock file.
//!
//! In: the text from the derive or from the file. Out: the same as a release, its frozen part, and how two of them differ. Never: judges
//! what may change; the derive does.

use actix_typed_session_value::__private::shape;

use super::task::Shape;

/// The text of a lock file, with the right hash in `head`.
#[derive(Clone, Debug)]
pub(super) struct Text(String);

impl Text {
    /// The text from the derive with the shapes filled in.
    pub(super) fn of(parts: &[&str], shapes: &[Shape]) -> Self {
        let mut text = String::new();
        // The first missing number is the hash.
        let numbers = std::iter::once(String::new()).chain(shapes.iter().map(Shape::to_string));
        for (part, number) in parts.iter().zip(numbers.chain(std::iter::once(String::new()))) {
            text += part;
            text += &number;
        }
        Self(sealed(&text))
    }

    /// The same with this version, its newest one, as released.
    pub(super) fn released(&self, version: u16) -> Self {
        let lines = self.0.lines().map(|line| match line {
            line if line.starts_with("released ") => format!("released {version}"),
            line if line == format!("version {version}") => format!("version {version} record"),
            line => line.to_owned(),
        });
        Self(sealed(&lines.flat_map(|line| [line, "\n".to_owned()]).collect::<String>()))
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    /// Whether a file says the same. Its comments do not count.
    pub(super) fn is(&self, file: &str) -> bool {
        counted(&self.0).eq(counted(file))
    }

    /// How this text differs from that of a file in what the present version stores: as in a list of changes. Compared with the newest
    /// version in the file up to the present one.
    pub(super) fn differs_from(&self, file: &str, version: u16) -> Vec<String> {
        let now = newest(&self.0, version);
        let before = newest(file, version);
        let mut told = Vec::new();
        for cell in &now {
            match before.iter().find(|old| old.key == cell.key) {
                None => told.push(format!("+ `{}: {}`", cell.key, cell.ty)),
                Some(old) if old.ty != cell.ty => {
                    told.push(format!("~ `{}: {}` → `{}`", cell.key, old.ty, cell.ty));
                }
                Some(old) if old.shape != cell.shape => {
                    told.push(format!("~ `{}`, inside `{}`", cell.key, cell.ty));
                }
                Some(old) if old.rest != cell.rest => {
                    told.push(format!("~ `{}`: {} → {}", cell.key, old.rest, cell.rest));
                }
                Some(_) => {}
            }
        }
        let gone = before.iter().filter(|old| now.iter().all(|cell| cell.key != old.key));
        told.extend(gone.map(|old| format!("- `{}: {}`", old.key, old.ty)));
        told
    }
}

/// The lines of released versions, and which versions those are: what a draft never changes.
pub(super) fn frozen(file: &str) -> Vec<&str> {
    let released = numbered(file, "released ").next().unwrap_or_default();
    let mut version = 0;
    counted(file)
        .filter(|line| {
            version = numbered(line, "version ").next().unwrap_or(version);
            let is_cell_or_version = line.starts_with("  ") || line.starts_with("version ");
            (is_cell_or_version && version <= released) || line.starts_with("released ")
        })
        .collect()
}

/// The released version of a file, or 0.
pub(super) fn released(file: &str) -> u16 {
    numbered(file, "released ").next().unwrap_or_default()
}

/// A line of a version.
struct Cell<'a> {
    key: &'a str,
    ty: &'a str,
    shape: &'a str,
    /// How it began, its marks and its default.
    rest: &'a str,
}

/// The cells of the newest version up to `version`.
fn newest(file: &str, version: u16) -> Vec<Cell<'_>> {
    let newest = numbered(file, "version ").filter(|found| *found <= version).max();
    let mut at = None;
    let lines = file.lines().filter(|line| {
        at = numbered(line, "version ").next().or(at);
        at == newest
    });
    lines.filter_map(cell).collect()
}

fn cell(line: &str) -> Option<Cell<'_>> {
    let (key, rest) = line.strip_prefix("  ")?.split_once(" `")?;
    let (ty, rest) = rest.split_once("` shape ")?;
    let (shape, rest) = rest.split_once(' ')?;
    Some(Cell { key, ty, shape, rest })
}

/// The numbers in lines that begin with this word.
fn numbered<'a>(text: &'a str, word: &'static str) -> impl Iterator<Item = u16> + 'a {
    text.lines().filter_map(move |line| line.strip_prefix(word)?.split(' ').next()?.parse().ok())
}

/// The lines that the hash covers, and the hash.
fn counted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The text with the hash of its lines in `head`.
fn sealed(text: &str) -> String {
    let hashed: String =
        counted(text).filter(|line| !line.starts_with("head ")).flat_map(|line| [line, "\n"]).collect();
    let hash = shape::text(&hashed);
    let lines =
        text.lines().map(|line| match line.strip_prefix("head ").and_then(|head| head.split(' ').next()) {
            Some(version) => format!("head {version} {hash:016x}\n"),
            None => format!("{line}\n"),
        });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# a comment\nformat 1\nschema shop\ntype Shop\nreleased 1\nhead 2 0\n\nversion 1 record\n  a `u8` shape 1 \
                        added 1 default\n\nversion 2\n  a `u8` shape 1 added 1 default\n  b `Vec<Line>` shape 2 added 2 default\n";

    #[test]
    fn what_is_frozen() {
        let other = FILE
            .replace("b `Vec<Line>`", "c `u8`")
            .replace("head 2", "head 3")
            .replace("type Shop", "type S");
        assert_eq!(frozen(&other), frozen(FILE));
        assert_ne!(frozen(&FILE.replacen("default", "default = 1", 1)), frozen(FILE));
        assert_ne!(frozen(&FILE.replace("released 1", "released 2")), frozen(FILE));
        assert_eq!(released(FILE), 1);
    }

    #[test]
    fn what_differs() {
        let now = |from: &str, to: &str| Text(FILE.replacen("version 2", "version 2\n", 1).replace(from, to));
        let differs = |from: &str, to: &str| now(from, to).differs_from(FILE, 2).join(", ");
        assert_eq!(differs("", ""), "");
        assert_eq!(differs("  b `Vec", "  c `Vec"), "+ `c: Vec<Line>`, - `b: Vec<Line>`");
        assert_eq!(differs("`Vec<Line>`", "`Lines`"), "~ `b: Vec<Line>` → `Lines`");
        assert_eq!(differs("shape 2", "shape 3"), "~ `b`, inside `Vec<Line>`");
        assert_eq!(
            differs("added 2 default", "added 2 principal"),
            "~ `b`: added 2 default → added 2 principal"
        );
        let first = FILE.split("version 2").next().unwrap_or_default();
        assert_eq!(
            Text(FILE.to_owned()).differs_from(first, 2).join(", "),
            "+ `b: Vec<Line>`",
            "to the release"
        );
        assert_eq!(Text(first.to_owned()).differs_from(FILE, 1).join(", "), "", "the file has a later draft");
    }

    #[test]
    fn a_release_freezes_the_draft() {
        let draft = Text(sealed(FILE));
        let released = draft.released(2);
        assert_eq!(super::released(&released.0), 2);
        assert!(released.0.contains("\nversion 2 record\n  a `u8`"), "{}", released.0);
        assert_ne!(released.0.lines().nth(5), draft.0.lines().nth(5), "the hash");
        assert!(released.released(2).is(&released.0));
        assert!(draft.is(&draft.0.replace("# a comment", "# another")));
    }
}
