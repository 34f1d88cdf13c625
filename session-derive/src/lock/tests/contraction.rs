//! What leaves the source with `oldest_record`, by way of the releases that the guide describes. P23 and P24 have it too, at random.

use super::super::data::Lock;
use super::super::source::Task;
use super::{ask, file};

/// A cart that changes, a name that is split and a theme that goes, in version 2; `more` follows the version.
fn shop(more: &str, cart: &str, since: &str, fields: &str) -> String {
    format!(
        "#[session(name = \"shop\", version = {more})] struct Shop {{
            #[session(default{cart})] cart: Vec<Line>,
            #[session(default, since = {since})] first: String,
            #[session(default, since = {since})] last: String,
            {fields}
        }}"
    )
}

const FIRST: &str = "#[session(name = \"shop\", version = 1)] struct Shop {
    #[session(default)] cart: Vec<u32>,
    #[session(default)] name: String,
    #[session(default)] theme: String,
}";
const STEP: &str = "step(since = 2, from(name: String), to(first, last), up = up";
const KEYS: &str = "step(since = 2, from(name), to(first, last))";
const REMOVED: &str = "removed(key = \"theme\", ty = String, since = 2)";
const SIZE: &str = "#[session(default, since = 3)] size: u8,";

#[track_caller]
fn released(text: &str, lock: &str) -> String {
    let answer = ask(text, &Task::Release, file(lock));
    assert_eq!(answer.mistakes, [""; 0], "{text}\n{lock}");
    fine(text, &answer.lock);
    answer.lock
}

#[track_caller]
fn fine(text: &str, lock: &str) {
    assert_eq!(ask(text, &Task::Check, file(lock)).mistakes, [""; 0], "{text}\n{lock}");
}

/// As [`fine`], once the draft is written down.
#[track_caller]
fn fine_draft(text: &str, lock: &str) {
    let updated = ask(text, &Task::Update, file(lock));
    assert_eq!(updated.mistakes, [""; 0], "{text}\n{lock}");
    fine(text, &updated.lock);
}

#[track_caller]
fn refused(text: &str, lock: &str, says: &str) {
    for task in [Task::Check, Task::Update] {
        let mistakes = ask(text, &task, file(lock)).mistakes.join("\n");
        assert!(mistakes.contains(says), "{text}\n{lock}\n{mistakes}");
    }
}

#[test]
fn the_old_side_leaves_release_by_release() {
    let lock = released(FIRST, "");
    let (both, up) = (
        "changed(since = 2, from = Vec<u32>, up = up, down = down)",
        "changed(since = 2, from = Vec<u32>, up = up)",
    );
    let lock =
        released(&shop(&format!("2, {STEP}, down = down), {REMOVED}"), &format!(", {both}"), "2", ""), &lock);
    // The release after: the reader is raised, and with the version that follows too.
    let reader = format!("oldest_reader = 2, {STEP}), {REMOVED}");
    fine(&shop(&format!("2, {reader}"), &format!(", {up}"), "2", ""), &lock);
    let lock = released(&shop(&format!("3, {reader}"), &format!(", {up}"), "2", SIZE), &lock);

    let bare = "oldest_reader = 2, oldest_record = 2";
    let forgotten = &format!("{bare}, {KEYS}");
    let alone = ", changed(since = 2)";
    let third = shop(&format!("3, {forgotten}"), alone, "2", SIZE);
    fine(&third, &lock);
    refused(
        &third.replace(&format!(", {KEYS}"), ""),
        &lock,
        &format!("put that back, of which the keys are enough: `{KEYS}`"),
    );
    let updated = ask(&third, &Task::Update, file(&lock));
    assert_eq!(
        (updated.mistakes, updated.lock),
        (Vec::new(), lock.clone()),
        "a released lock stays as it is"
    );

    // The next version carries on what the lock knows and the source does not.
    let fourth = shop(
        &format!("4, {forgotten}"),
        alone,
        "2",
        &format!("{SIZE} #[session(default, since = 4)] zone: u8,"),
    );
    let lock = released(&fourth, &lock);
    let versions = Lock::parse(&lock).unwrap().versions;
    assert_eq!(versions.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4]);
    for key in ["first", "last", "cart@2"] {
        assert_eq!(versions[&4][key], versions[&2][key]);
    }
    assert!(versions[&1].contains_key("theme") && versions[&1].contains_key("cart"), "{lock}");

    // Keys stay taken, and what names a key stays.
    let fifth = |fields: &str| {
        shop(
            &format!("5, {forgotten}"),
            alone,
            "2",
            &format!("{SIZE} #[session(default, since = 4)] zone: u8, {fields}"),
        )
    };
    for (key, says) in
        [("theme", "was removed in version 2"), ("name", "still belongs to field `name`, but a step")]
    {
        let again = fifth(&format!("#[session(default, since = 5)] {key}: String"));
        refused(&again, &lock, &format!("wire key \"{key}\" {says}"));
    }
    refused(
        &fourth.replace(alone, ""),
        &lock,
        "there `cart` became `Vec<Line>`; keep its `changed(since = 2)`",
    );
    let other = fourth.replace(bare, "oldest_reader = 3, oldest_record = 3");
    fine(&other, &lock);
    refused(
        &other.replace(alone, ", changed(since = 3)"),
        &lock,
        "version 3 is released and cannot change: there `cart` is not changed from `cart`",
    );
    refused(
        &fourth.replace("since = 2)] last", "since = 3)] last"),
        &lock,
        "`last` does not begin in version 2",
    );
}

/// Only what no record has any more may leave.
#[test]
fn nothing_leaves_early() {
    let lock = released(FIRST, "");
    let change = ", changed(since = 2, from = Vec<u32>, up = up)";
    let lock = released(
        &shop(
            &format!("2, {STEP}, down = down), {REMOVED}"),
            ", changed(since = 2, from = Vec<u32>, up = up, down = down)",
            "2",
            "",
        ),
        &lock,
    );
    let at = |more: &str, cart: &str| shop(&format!("2, oldest_reader = 2, {more}"), cart, "2", "");
    fine(&at(&format!("{STEP}), {REMOVED}"), change), &lock);
    refused(&at(&format!("{STEP})"), change), &lock, "what it says of `theme` must stay");
    refused(&at(REMOVED, change), &lock, "there `first` was made by a step from `name`, here it is added");
    refused(
        &at(&format!("{STEP}), {REMOVED}"), ", changed(since = 2)"),
        &lock,
        "`changed` needs `from = Type`",
    );
}

/// What a step makes goes when the step needs no more than its keys; before that it would convert into half of it.
#[test]
fn of_what_a_step_makes_nothing_is_removed_while_it_converts() {
    let lock = released(FIRST, "");
    let both = ", changed(since = 2, from = Vec<u32>, up = up, down = down)";
    let lock = released(&shop(&format!("2, {STEP}, down = down), {REMOVED}"), both, "2", ""), &lock);
    let last = "#[session(default, since = 2)] last: String,";
    let gone = "removed(key = \"last\", ty = String, since = 3)";
    let one = STEP.replace("first, last", "first");
    let up = ", changed(since = 2, from = Vec<u32>, up = up)";
    let third = |more: &str, cart: &str| {
        shop(&format!("3, oldest_reader = 2, {more}"), cart, "2", "").replace(last, "")
    };
    let stays = "`last` is made by the step of version 2";
    for step in [STEP, &one] {
        refused(&third(&format!("{step}), {REMOVED}, {gone}"), up), &lock, stays);
    }
    refused(&third(&format!("{one}), {REMOVED}"), up), &lock, stays);
    let contracted = |to: &str| {
        third(
            &format!("oldest_record = 2, {}, {gone}", KEYS.replace("first, last", to)),
            ", changed(since = 2)",
        )
    };
    fine_draft(&contracted("first"), &lock);
    refused(&contracted("first, last"), &lock, "`last` is removed; take it out of `to`");
}

/// A form between two others: what made it is the only way for sessions of before.
#[test]
fn the_middle_of_a_chain_does_not_leave_early() {
    let at = |more: &str, fields: &str| {
        format!("#[session(name = \"shop\", version = {more})] struct Shop {{ {fields} }}")
    };
    let lock = released(&at("1", "#[session(default)] size: u8,"), "");
    let changed = "#[session(default, changed(since = 2, from = u8, up = up, down = down))] size: u16,";
    let lock = released(&at("2", changed), &lock);
    let (field, gone) =
        ("#[session(default, since = 3)] width: u32,", "removed(key = \"size\", ty = u8, since = 2)");
    let third = "step(since = 3, from(\"size@2\": u16), to(width), up = up, down = down)";
    let says = "so say `step(since = 2, from(size: ..), to(\"size@2\"), up = ..)`";
    refused(&at(&format!("3, {third}"), field), &lock, says);
    refused(&at(&format!("3, {gone}, {third}"), field), &lock, says);
    let second = "step(since = 2, from(size: u8), to(\"size@2\"), up = up)";
    let lock = released(&at(&format!("3, {second}, {third}"), field), &lock);
    refused(&at(&format!("3, {gone}, {third}"), field), &lock, says);
    fine(&at(&format!("3, oldest_record = 2, {gone}, {third}"), field), &lock);
}

/// In the lock file a key that begins like a word of its own is a key.
#[test]
fn a_key_that_begins_with_default() {
    let at = |version: u8, field: &str| {
        format!(
            "#[session(name = \"shop\", version = {version})] struct Shop {{ #[session(default{field}, }}"
        )
    };
    let lock = released(&at(1, ")] default_zone: String"), "");
    released(&at(2, ", changed(since = 2, from = String, up = up, down = down))] default_zone: u8"), &lock);
}

/// A default that changes is told also of a type that is spelled anew.
#[test]
fn a_default_beside_another_spelling() {
    let at = |default: &str, ty: &str| {
        format!(
            "#[session(name = \"shop\", version = 1)] struct Shop {{ #[session(default = {default})] n: {ty} }}"
        )
    };
    let lock = released(&at("one()", "Vec<u32>"), "");
    let asked = ask(&at("two()", "Numbers"), &Task::Check, file(&lock)).mistakes.join("\n");
    assert!(asked.contains("the default of `n` was `one()`"), "{asked}");
}

/// A field that changed its type, and is split two versions later: what was `changed` is said by a step.
#[test]
fn a_change_of_a_field_that_went_into_a_step() {
    let field = |more: &str| format!("#[session(default{more})] name: Vec<u32>");
    let first = "#[session(name = \"shop\", version = 1)] struct Shop { #[session(default)] name: String }";
    let lock = released(first, "");
    let second = format!(
        "#[session(name = \"shop\", version = 2)] struct Shop {{ {} }}",
        field(", changed(since = 2, from = String, up = up, down = down)")
    );
    let lock = released(&second, &lock);
    let third = |since: &str| {
        format!(
            "#[session(name = \"shop\", version = 3)]
            #[session(step(since = {since}, from(name: String), to(\"name@2\"), up = up))]
            #[session(step(since = 3, from(\"name@2\": Vec<u32>), to(first, last), up = up, down = down))]
            struct Shop {{
                #[session(default, since = 3)] first: String,
                #[session(default, since = 3)] last: String,
            }}"
        )
    };
    let lock = released(&third("2"), &lock);
    assert!(lock.contains("changed 2 from name"), "{lock}");
}

const CART: &str =
    "#[session(name = \"shop\", version = 1)] struct Shop { #[session(default)] cart: u8, z: Option<u8> }";
const CHANGED: &str = "changed(since = 2, from = u8, up = up, down = down)";

fn cart(more: &str, field: &str) -> String {
    format!("#[session(name = \"shop\", version = {more})] struct Shop {{ {field} z: Option<u8> }}")
}

/// A lock in which a cart changed its type, with or without the version before that.
fn changed_cart(is_first: bool) -> String {
    if is_first {
        let field = "#[session(default, changed(since = 2))] cart: u16,";
        return released(&cart("2, oldest_reader = 2, oldest_record = 2", field), "");
    }
    released(&cart("2", &format!("#[session(default, {CHANGED})] cart: u16,")), &released(CART, ""))
}

/// What is said of the older form of a field does not end the field.
#[test]
fn a_changed_field_does_not_vanish() {
    let lock = changed_cart(false);
    let old = "removed(key = \"cart\", ty = u8, since = 2)";
    let new = "removed(key = \"cart@2\", ty = u16, since = 3)";
    let note = "note: Option<u8>,";
    refused(&cart(&format!("2, {old}"), ""), &lock, &format!("say `{new}`"));
    let third = format!("#[session(since = 3)] {note}");
    refused(
        &cart(&format!("3, {old}"), &third),
        &lock,
        &format!("keep its key free with `#[session({new})]`"),
    );
    refused(&cart("2", ""), &lock, "cart");
    let lock = released(&cart(&format!("3, {old}, {new}"), ""), &lock);
    let again = cart("4, oldest_reader = 3, oldest_record = 3", "#[session(default, since = 4)] cart: u8,");
    refused(&again, &lock, "wire key \"cart\" was removed in version 2");
}

/// The lock may begin after the key that a field had first.
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

    // Under another name too.
    let advice = "to keep its data add `#[session(key = \"cart\")]`, and keep `changed(since = 2)`";
    refused(&cart(&format!("2, {from}"), "#[session(default)] basket: u16,"), &lock, advice);
    let kept = "#[session(default, key = \"cart\", changed(since = 2))] basket: u16,";
    fine(&cart(&format!("2, {from}"), kept), &lock);

    // A key that was left is not free, though no version in the lock has it.
    let gone = format!("3, {from}, removed(key = \"cart@2\", ty = u16, since = 3)");
    let lock = released(&cart(&gone, ""), &lock);
    let again = gone.replacen('3', "4", 1);
    refused(
        &cart(&again, "#[session(default, since = 4)] cart: u16,"),
        &lock,
        "wire key \"cart\" was left in version 2",
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
        assert_eq!(ask(&text, &Task::Check, file(&lock)).mistakes.len(), 1, "{text}");
        let kept = text.replacen("default,", "default, key = \"cart\",", 1);
        assert_eq!(ask(&kept, &Task::Update, file(&lock)).mistakes, [""; 0], "{kept}");
    }
    // Without its change: both are named.
    let advice = "to keep its data add `#[session(key = \"cart\")]`, and keep `changed(since = 2, ..)`";
    let removed = "2, removed(key = \"cart\", ty = u8, since = 2)";
    refused(&cart(removed, "#[session(default)] basket: u16,"), &lock, advice);
}
