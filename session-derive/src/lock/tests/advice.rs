//! Following the first advice of a message keeps the data and resolves the message.

use super::ask::{ask, file, released};

fn shop(more: &str, fields: &str) -> String {
    format!("#[session(name = \"shop\", version = {more})] struct Shop {{ z: Option<u8>, {fields} }}")
}

fn all_told(text: &str, lock: &str) -> Vec<String> {
    ask(text, file(lock)).mistakes
}

#[track_caller]
fn only(text: &str, lock: &str, says: &str) {
    let told = all_told(text, lock);
    assert!(told.len() == 1 && told[0].contains(says), "{text}\n{told:#?}");
}

#[track_caller]
fn fine(text: &str, lock: &str) {
    assert_eq!(all_told(text, lock), [""; 0], "{text}");
}

const SPLIT: &str = "step(since = 2, from(name: Option<String>), to(first, last), up = .., down = ..)";

fn written(advice: &str) -> String {
    advice.replace("up = ..", "up = up").replace("down = ..", "down = down")
}

#[test]
fn what_keeps_the_data_comes_before_removed() {
    let lock = released(&shop("1", "name: Option<String>"), "");
    let names = "#[session(since = 2)] first: Option<String>, #[session(since = 2)] last: Option<String>";
    let removed = "removed(key = \"name\", from = Option<String>, since = 2)";
    let told = all_told(&shop("2", names), &lock).join("\n");
    let order = [
        "`#[session(key = \"name\")]` on `first` or `last`",
        &format!("`#[session({SPLIT})]`"),
        &format!(
            "Only if they are no longer wanted, reserve its wire key with `#[session({removed})]`, which gives them up"
        ),
    ];
    let places: Vec<_> = order.iter().map(|part| told.find(part)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{told}");
    fine(&shop(&format!("2, {}", written(SPLIT)), names), &lock);
    // The same before the version is raised, and after it is raised without saying why.
    for version in ["1", "2"] {
        only(&shop(version, "first: Option<String>, last: Option<String>"), &lock, SPLIT);
    }

    let lock =
        released(&shop("1", "#[session(default)] cart: Vec<u32>, #[session(default = 7)] coupons: u8"), "");
    let join = "step(since = 2, from(cart: Vec<u32>, coupons: u8 = 7), to(both), up = .., down = ..)";
    let both = "#[session(default, since = 2)] both: String";
    let join_told = all_told(&shop("2", both), &lock);
    assert!(join_told.len() == 2 && join_told.iter().all(|told| told.contains(join)), "{join_told:#?}");
    fine(&shop(&format!("2, {}", written(join)), both), &lock);

    let lock = released(&shop("1", "#[session(default)] price: u16"), "");
    let changed = "key = \"price\", changed(since = 2, from = u16, up = .., down = ..)";
    for since in ["", ", since = 2"] {
        let amount = format!("#[session(default{since})] amount: String");
        let told = all_told(&shop("2", &amount), &lock).join("\n");
        assert!(told.contains(&format!("`#[session({changed})]` on that, without `since`")), "{told}");
    }
    fine(&shop("2", &format!("#[session(default, {})] amount: String", written(changed))), &lock);

    // The principal is not converted, and a field that appears alone is not converted from anything.
    let lock = released(&shop("1", "#[session(principal)] user: Option<u16>"), "");
    let told = all_told(&shop("2", "#[session(since = 2)] other: Option<u8>"), &lock).join("\n");
    assert!(
        told.contains("removed(key = \"user\"") && !told.contains("changed(") && !told.contains("step("),
        "{told}"
    );
}

#[test]
fn a_step_says_that_what_it_reads_goes() {
    let lock = released(&shop("1", "name: Option<String>"), "");
    let names = "#[session(since = 2)] first: Option<String>, #[session(since = 2)] last: Option<String>";
    let text = |more: &str| shop(&format!("2, {}{more}", written(SPLIT)), names);
    let removed = ", removed(key = \"name\", from = Option<String>, since = 2)";
    only(&text(removed), &lock, "the `step` of version 2 already ends \"name\"; remove this `removed(..)`");
    fine(&text(""), &lock);
}

#[test]
fn a_since_that_moved_is_named() {
    let locale = |since: &str| format!("#[session(default{since})] locale: String");
    let lock = released(&shop("1", ""), "");
    let lock = released(&shop("2", &locale(", since = 2")), &lock);
    let new = "#[session(since = 3)] new: Option<u8>";
    only(
        &shop("3", &format!("{}, {new}", locale(", since = 3"))),
        &lock,
        "it began in version 2, so put `since = 2` back",
    );
    // The lock knows it, so it need not be said.
    fine(&shop("3", &format!("{}, {new}", locale(""))), &lock);
    fine(&shop("2", &locale("")), &lock);
    let next = released(&shop("3", &format!("{}, {new}", locale(""))), &lock);
    assert_eq!(next.matches("  locale `String` shape 0000000000000004 added 2").count(), 2, "{next}");
    let field = "#[session(default, changed(since = 3, from = String, up = up, down = down))] locale: u8";
    assert!(released(&shop("3", field), &lock).contains("  locale@3 `u8`"));
    only(
        &shop("2", &locale("").replace("locale", "language")),
        &lock,
        "to keep its data add `#[session(key = \"locale\")]`",
    );
    fine(&shop("3", &format!("{}, {new}", locale(", since = 2"))), &lock);
    // The source may be silent about a version that the lock has, but not about any other.
    only(&shop("3", &locale(", since = 2")), &lock, "nothing changes in version 3:");
}

/// What left the source with `oldest_record` was in a released version, and is asked for by its name.
#[test]
fn an_oldest_record_that_is_lowered() {
    let lock = released(&shop("1", "theme: Option<u8>"), "");
    let removed = ", removed(key = \"theme\", from = Option<u8>, since = 2)";
    let lock = released(&shop(&format!("2{removed}"), ""), &lock);
    let third =
        |more: &str| shop(&format!("3, oldest_reader = 2{more}"), "#[session(since = 3)] a: Option<u8>");
    let lock = released(&third(", oldest_record = 2"), &lock);
    only(&third(""), &lock, "what it says about `theme` must stay");
    fine(&third(removed), &lock);
}

#[test]
fn a_field_renamed_and_changed_at_once() {
    let lock = released(&shop("1", "#[session(default)] price: u16"), "");
    let amount = |key: &str| {
        shop(
            "2",
            &format!(
                "#[session(default{key}, changed(since = 2, from = u16, up = up, down = down))] amount: String"
            ),
        )
    };
    only(
        &amount(""),
        &lock,
        "field `price` of type `u16` disappeared: to keep its data add `key = \"price\"` to this one",
    );
    fine(&amount(", key = \"price\""), &lock);
    let kept = amount("").replace("z: Option<u8>", "z: Option<u8>, #[session(default)] price: u16");
    only(&kept, &lock, "if the field is new, say `since = 2` instead of `changed`");
}

#[test]
fn a_field_of_a_step_is_renamed() {
    let lock = released(&shop("1", "name: Option<String>"), "");
    let text = |first: &str, to: &str, key: &str| {
        let fields = format!(
            "#[session(since = 2{key})] {first}: Option<String>, #[session(since = 2)] last: Option<String>"
        );
        shop(&format!("2, {}", written(SPLIT).replace("(first", &format!("({to}"))), &fields)
    };
    let lock = released(&text("first", "first", ""), &lock);
    let keep = "add `#[session(key = \"first\")]`";
    only(&text("given", "first", ""), &lock, &format!("if `given` is its new name, {keep} to that"));
    only(&text("given", "given", ""), &lock, &format!("{keep}, and keep `first` in the `to` of the step"));
    fine(&text("given", "first", ", key = \"first\""), &lock);
}

#[test]
fn a_step_begins_with_its_fields() {
    let lock = released(&shop("1", "name: Option<String>"), "");
    let lock = released(&shop("2", "name: Option<String>, #[session(since = 2)] x: Option<u8>"), &lock);
    let text = |since: u16| {
        let step = written(SPLIT).replace("since = 2", &format!("since = {since}"));
        shop(
            &format!("3, {step}"),
            "#[session(since = 3)] first: Option<String>, #[session(since = 3)] last: Option<String>, #[session(since = 2)] x: Option<u8>",
        )
    };
    only(&text(2), &lock, "begin in version 3; say `since = 3` here");
    fine(&text(3), &lock);
}

#[test]
fn a_step_that_is_dropped_too_early() {
    let lock = released(&shop("1", "name: Option<String>"), "");
    let names = "#[session(since = 2)] first: Option<String>, #[session(since = 2)] last: Option<String>";
    let lock = released(&shop(&format!("2, {}", written(SPLIT)), names), &lock);
    let told = all_told(&shop("2", names), &lock).join("\n");
    assert!(
        told.contains("there `first` was made by a step from `name`") && !told.contains("removed("),
        "{told}"
    );
}

/// A draft may become anything, and a first version that nobody released may be followed by the next.
#[test]
fn a_draft_is_nobodys_business() {
    let draft = ask(&shop("1", "a: Option<u8>"), file("")).lock;
    for text in [shop("1", "b: Option<u16>"), shop("2", "#[session(since = 2)] b: Option<u16>")] {
        fine(&text, &draft);
    }
    let lock = released(&shop("1", ""), "");
    let second = |field: &str| shop("2", &format!("#[session(since = 2)] {field}"));
    let draft = ask(&second("a: Option<u8>"), file(&lock)).lock;
    for text in [second("a: Option<String>"), second("b: Option<u8>"), shop("1", "")] {
        fine(&text, &draft);
        assert_eq!(
            ask(&text, file(&draft)).lock,
            ask(&text, file(&lock)).lock,
            "the draft leaves nothing behind"
        );
    }
    only(&shop("1", "a: Option<u8>"), &draft, "changed but its version did not");
}

/// The version tells which fields are new, unless one of them may be a vanished one.
#[test]
fn a_new_field_need_not_say_so() {
    let lock = released(&shop("1", "a: Option<u8>"), "");
    let next = released(&shop("2", "a: Option<u8>, b: Option<u8>"), &lock);
    assert!(next.contains("  b `Option<u8>` shape 0000000000000011 added 2\n"), "{next}");
    let third = "a: Option<u8>, b: Option<u8>, #[session(since = 3)] c: Option<u8>, d: Option<u16>";
    assert_eq!(released(&shop("3", third), &next).matches(" added 3\n").count(), 2);
    only(&shop("1", "a: Option<u8>, b: Option<u8>"), &lock, "changed but its version did not");
    only(&shop("2", "b: Option<u8>"), &lock, "to keep its data add `#[session(key = \"a\")]`");
    assert_eq!(all_told(&shop("2", "b: Option<u16>"), &lock).len(), 1, "it may be what became of `a`");
    only(&shop("3", "a: Option<u8>, b: Option<u8>"), &next, "nothing changes in version 3");
    only(
        &shop("2", "a: Option<u8>, b: Option<u8>"),
        "",
        "a lock file knows of new fields, but there is none",
    );
}
