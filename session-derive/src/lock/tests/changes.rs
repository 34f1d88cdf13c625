//! The changes and steps of released versions must stay, even if the field is renamed.

use super::ask::{ask, file, fine, frozen, refused, released, sealed};

/// The lock covers what a step reads, what it writes, and its version.
#[test]
fn steps_cannot_be_rewritten() {
    let first = "#[session(name = \"shop\", version = 1)] struct Shop { #[session(default)] name: String }";
    let split = "#[session(name = \"shop\", version = 2, step(since = 2, from(name: String), to(first, last), up = up, down = down))]
        struct Shop { #[session(default, since = 2)] first: String, #[session(default, since = 2)] last: String }";
    let lock = frozen(&ask(first, file("")).lock);
    let split_lock = ask(split, file(&lock));
    assert_eq!(split_lock.mistakes, [""; 0]);
    let lock = frozen(&split_lock.lock);
    assert!(lock.contains("first `String` shape 0000000000000004 step 2 from name default"), "{lock}");
    assert_eq!(ask(split, file(&lock)).mistakes, [""; 0]);
    for (what, by, says) in [
        ("from(name: String)", "from(name: u8)", "version 1 stored `String` as `name`"),
        ("from(name: String)", "from(nickname: String)", "`nickname` is in no version up to 2"),
        (
            "to(first, last)",
            "to(last, first)",
            "there `last` was in place 2 of the step's `to`, here it is in place 1",
        ),
        ("to(first, last)", "to(first)", "there `last` was made by a step from `name`, here it is added"),
        (
            "step(since = 2, from(name: String), to(first, last), up = up, down = down)",
            "oldest_reader = 2",
            "name",
        ),
    ] {
        let edited = split.replace(what, by);
        let mistakes = ask(&edited, file(&lock)).mistakes.join("\n");
        assert!(mistakes.contains(says), "{edited}\n{mistakes}");
    }
}

const CART: &str =
    "#[session(name = \"shop\", version = 1)] struct Shop { #[session(default)] cart: u8, z: Option<u8> }";
const CHANGED: &str = "changed(since = 2, from = u8, up = up, down = down)";

fn cart(more: &str, field: &str) -> String {
    format!("#[session(name = \"shop\", version = {more})] struct Shop {{ {field} z: Option<u8> }}")
}

/// A lock in which `cart` changed its type. It begins with the version after the change if `is_first`.
fn changed_cart(is_first: bool) -> String {
    if is_first {
        let field = "#[session(default, changed(since = 2))] cart: u16,";
        return released(&cart("2, oldest_reader = 2, oldest_record = 2", field), "");
    }
    released(&cart("2", &format!("#[session(default, {CHANGED})] cart: u16,")), &released(CART, ""))
}

/// Removing the older form of a field does not remove the field.
#[test]
fn a_changed_field_does_not_vanish() {
    let lock = changed_cart(false);
    let old = "removed(key = \"cart\", from = u8, since = 2)";
    let new = "removed(key = \"cart@2\", from = u16, since = 3)";
    let note = "note: Option<u8>,";
    refused(&cart(&format!("2, {old}"), ""), &lock, &format!("- `cart@2: u16`: `{new}`"));
    let third = format!("#[session(since = 3)] {note}");
    refused(
        &cart(&format!("3, {old}"), &third),
        &lock,
        &format!("reserve its wire key with `#[session({new})]`"),
    );
    refused(&cart("2", ""), &lock, "cart");
    let lock = released(&cart(&format!("3, {old}, {new}"), ""), &lock);
    let again = cart("4, oldest_reader = 3, oldest_record = 3", "#[session(default, since = 4)] cart: u8,");
    refused(&again, &lock, "wire key \"cart\" was removed in version 2");
}

/// A removed field comes back as it was, in a later version.
#[test]
fn a_removed_field_comes_back_with_its_type() {
    let state = |more: &str, theme: &str| {
        format!("#[session(name = \"shop\", version = {more})] struct Shop {{ {theme} z: Option<u8> }}")
    };
    let removed = "removed(key = \"theme\", from = String, since = 2)";
    let theme = "#[session(default)] theme: String,";
    let first = released(&state("1", theme), "");
    let lock = released(&state(&format!("2, {removed}"), ""), &first);
    refused(&state(&format!("3, {removed}"), theme), &lock, "or remove `removed(..)` if it comes back");
    refused(&state("2", theme), &lock, "or bring the field back as it was with `version = 3`");
    refused(&state("3", "#[session(default, since = 3)] theme: String,"), &lock, "leave out `since`");
    refused(
        &state("3", "#[session(default)] theme: u16,"),
        &lock,
        "a field comes back only with the type that it had",
    );
    refused(&state("3", "#[session(principal)] theme: Option<String>,"), &lock, "theme");
    fine(&state("3", theme), &lock);

    let back = released(&state("3", theme), &lock);
    assert!(back.contains("version 3 record\n"), "{back}");
    fine(&state("3", theme), &back);
    refused(&state("3", ""), &back, "- `theme: String`");
    let again = "removed(key = \"theme\", from = String, since = 4)";
    fine(&state(&format!("4, {again}"), ""), &back);
}

/// What was converted lives on elsewhere, so the old values do not come back.
#[test]
fn a_field_that_a_step_read_does_not_come_back() {
    let first = "#[session(name = \"shop\", version = 1)] struct Shop { #[session(default)] name: String }";
    let second = "#[session(name = \"shop\", version = 2, step(since = 2, from(name: String), to(first), up = up, down = down))]
        struct Shop { #[session(default, since = 2)] first: String }";
    let lock = released(second, &released(first, ""));
    let third = second.replace("version = 2", "version = 3, oldest_reader = 2, oldest_record = 2");
    let third = third.replace(
        "step(since = 2, from(name: String), to(first), up = up, down = down)",
        "step(since = 2, from(name), to(first))",
    );
    let third = third.replace("first: String", "first: String, #[session(default)] name: String");
    refused(&third, &lock, "wire key \"name\"");
}

/// The lock may begin after the first form of a field.
#[test]
fn a_change_that_the_first_lock_knows_stays() {
    let lock = changed_cart(true);
    let from = "oldest_reader = 2, oldest_record = 2";
    let keep = "there `cart` became `u16`; keep its `changed(since = 2)`";
    refused(&cart(&format!("2, {from}"), "#[session(default)] cart: u16,"), &lock, keep);
    refused(&cart(&format!("3, {from}"), "#[session(default, since = 3)] cart: u16,"), &lock, keep);
    let further = "#[session(default, changed(since = 3, from = u16, up = up, down = down))] cart: String,";
    refused(&cart(&format!("3, {from}"), further), &lock, keep);
    fine(&cart(&format!("2, {from}"), "#[session(default, changed(since = 2))] cart: u16,"), &lock);

    // The same under another name.
    let advice = "to keep its data add `#[session(key = \"cart\")]`, and keep `changed(since = 2)`";
    refused(&cart(&format!("2, {from}"), "#[session(default)] basket: u16,"), &lock, advice);
    let kept = "#[session(default, key = \"cart\", changed(since = 2))] basket: u16,";
    fine(&cart(&format!("2, {from}"), kept), &lock);

    // The wire key of the older form is not free, though no version in the lock has it.
    let gone = format!("3, {from}, removed(key = \"cart@2\", from = u16, since = 3)");
    let lock = released(&cart(&gone, ""), &lock);
    let again = gone.replacen('3', "4", 1);
    refused(
        &cart(&again, "#[session(default, since = 4)] cart: u16,"),
        &lock,
        "wire key \"cart\" was given up in version 2",
    );
}

#[test]
fn a_changed_field_keeps_its_key_under_another_name() {
    let says = "field `cart` disappeared and `basket` with the same change appeared: to keep its data add `#[session(key = \"cart\")]`";
    let basket = |more: &str| format!("#[session(default, {more})] basket: u16,");
    let lock = changed_cart(false);
    let further = "changed(since = 3, from = u16, up = up, down = down)";
    for (is_first, version, field) in [
        (false, "2", basket(CHANGED)),
        (false, "3", basket(&format!("{CHANGED}, {further}")).replace(": u16", ": String")),
        (true, "2, oldest_reader = 2, oldest_record = 2", basket("changed(since = 2)")),
    ] {
        let lock = changed_cart(is_first);
        let text = cart(version, &field);
        refused(&text, &lock, says);
        assert_eq!(ask(&text, file(&lock)).mistakes.len(), 1, "{text}");
        let kept = text.replacen("default,", "default, key = \"cart\",", 1);
        assert_eq!(ask(&kept, file(&lock)).mistakes, [""; 0], "{kept}");
    }
    // Without its change, the message names both options.
    let advice = "to keep its data add `#[session(key = \"cart\")]`, and keep `changed(since = 2, ..)`";
    let removed = "2, removed(key = \"cart\", from = u8, since = 2)";
    refused(&cart(removed, "#[session(default)] basket: u16,"), &lock, advice);
}

/// Fields that were added inside of a type need no other wire key. Only a version that is not released may say so.
#[test]
fn what_grows_inside_keeps_its_key() {
    // The stand-in for the compiler gives `Numbers` another shape than `Lines`, so the type in the lock file is replaced.
    let shop = |version: &str, more: &str| {
        format!(
            "#[session(name = \"shop\", version = {version})] struct Shop {{ #[session(default{more})] cart: Lines, #[session(default)] z: u8 }}"
        )
    };
    let lock = released(&shop("1", ""), "").replace("shape 0000000000000005", "shape 0000000000000006");
    let lock = sealed(&lock);
    let says = "~ `cart`, inside `Lines`: if fields were only added, each an `Option` or with `#[serde(default)]`, \
        `changed(since = 2, compatible)`; otherwise `changed(since = 2, from = LinesV1";
    refused(&shop("1", ""), &lock, says);
    let other = shop("2", "").replace("default)] z", "default, since = 2)] other: u8, #[session(default)] z");
    refused(&other, &lock, "add `changed(since = 2, compatible)`; otherwise keep a copy of the old type");
    let second = shop("2", ", changed(since = 2, compatible)");
    let next = released(&second, &lock);
    assert_eq!(next.matches("  cart `Lines`").count(), 2, "{next}");
    assert!(next.contains("shape 0000000000000005") && !next.contains("cart@2"), "{next}");
    // It cannot be said of what is released, and the mark may go once the lock has the new shape.
    refused(&shop("1", ", changed(since = 2, compatible)"), &lock, "above the schema's version 1");
    let moved = sealed(&next.replace("shape 0000000000000005", "shape 0000000000000007"));
    refused(&second, &moved, "changed but its version did not");
    fine(&shop("2", ""), &next);
    // A conversion may follow, and another type needs one.
    let third = "#[session(default, changed(since = 2, compatible), changed(since = 3, from = Lines, up = up, down = down))] cart: u8,";
    let third = shop("3", "").replace("#[session(default)] cart: Lines,", third);
    assert!(released(&third, &next).contains("  cart@3 `u8`"));
    refused(&second.replace("cart: Lines", "cart: Numbers"), &lock, "`cart` was `Lines` in version 1");
}
