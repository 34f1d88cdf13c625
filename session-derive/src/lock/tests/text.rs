//! A lock file is read back as it was written, and every edit is noticed.

use std::collections::{BTreeMap, BTreeSet};

use super::super::data::{Action, Cell, Default, Lock, Marks, Seen, Shape, View};
use super::super::text::Broken;

fn cell(ty: &str, since: u16, action: Action, default: Option<Default>) -> Cell {
    let marks = Marks::default();
    Cell { ty: ty.to_owned(), shape: Shape::Known(0x1f), since, action, default, marks }
}

fn shop() -> Lock {
    let first = View::from([
        ("cart".to_owned(), cell("Vec<u32>", 1, Action::Added, Some(Default::OfType))),
        ("nick".to_owned(), cell("Option<String>", 1, Action::Added, None)),
    ]);
    let mut second = first.clone();
    let lines = cell("Vec<Line>", 2, Action::Changed("cart".to_owned()), Some(Default::OfType));
    second.remove("cart");
    second.insert(
        "cart@2".to_owned(),
        Cell {
            shape: Shape::Opaque(Some(Seen {
                shape: 0x2e,
                unseen: vec!["Line".to_owned(), "Sku".to_owned()],
            })),
            ..lines
        },
    );
    let step = Action::Step(vec!["a".to_owned(), "b".to_owned()], 2);
    let text = Default::Expr("\"a default = ` shape \".to_owned()".to_owned());
    let size = cell("u8", 2, step, Some(text));
    second.insert(
        "size".to_owned(),
        Cell { marks: Marks { reset_on_sign_in: true, ..Marks::default() }, ..size },
    );
    let user = cell("Option<u64>", 2, Action::Added, None);
    second.insert("user".to_owned(), Cell { marks: Marks { principal: true, ..Marks::default() }, ..user });
    let versions = BTreeMap::from([(1, first), (2, second)]);
    let records = BTreeSet::from([1]);
    Lock { schema: "shop".to_owned(), state: "Shop".to_owned(), released: 1, records, versions }
}

#[test]
fn what_is_rendered_is_read_back() {
    let lock = shop();
    assert_eq!(Lock::parse(&lock.render()), Ok(lock.clone()));
    assert_eq!(Lock::parse(&lock.render().replace('\n', "\r\n")), Ok(lock));
}

#[test]
fn every_touched_line_is_noticed() {
    let text = shop().render();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
    {
        let rest = || text.lines().enumerate();
        let without: Vec<_> = rest().filter(|(other, _)| *other != at).map(|(_, line)| line).collect();
        assert!(Lock::parse(&without.join("\n")).is_err(), "without {line}");
        let longer = format!("{line}1");
        let touched: Vec<_> =
            rest().map(|(other, line)| if other == at { longer.as_str() } else { line }).collect();
        assert!(Lock::parse(&touched.join("\n")).is_err(), "{longer}");
    }
    assert_eq!(Lock::parse(""), Err(Broken::Head));
}

#[test]
fn why_it_cannot_be_used() {
    let text = shop().render();
    assert_eq!(Lock::parse(&text.replace("format 1", "format 2\nanything")), Err(Broken::Newer(2)));
    assert_eq!(Lock::parse(&text.replace("nick `", "nick ")), Err(Broken::Line(10)));
    let both = |ours: &str, theirs: &str| {
        format!("format 1\n<<<<<<< HEAD\nhead {ours} 00\n=======\nhead {theirs} 11\n>>>>>>> branch\n")
    };
    assert_eq!(Lock::parse(&both("3", "3")), Err(Broken::Conflict(Some(3))));
    assert_eq!(Lock::parse(&both("3", "4")), Err(Broken::Conflict(None)));
}
