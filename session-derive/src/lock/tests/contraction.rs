//! What may leave the source with `oldest_record`, following the releases in the guide. P23 and P24 also cover it at random.

use super::super::data::Lock;
use super::ask::{ask, file, fine, frozen, refused, released};

/// In version 2 a cart changes its type, a name is split and a theme is removed. `more` follows the version.
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
const REMOVED: &str = "removed(key = \"theme\", from = String, since = 2)";
const SIZE: &str = "#[session(default, since = 3)] size: u8,";

/// The same as [`fine`], after the draft is recorded.
#[track_caller]
fn fine_draft(text: &str, lock: &str) {
    let updated = ask(text, file(lock));
    assert_eq!(updated.mistakes, [""; 0], "{text}\n{lock}");
    fine(text, &updated.lock);
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
    // In the next release `oldest_reader` is raised, alone or together with the version.
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
        &format!("put that back, of which the wire keys are enough: `{KEYS}`"),
    );
    let updated = ask(&third, file(&lock));
    assert_eq!(
        (updated.mistakes, updated.lock),
        (Vec::new(), lock.clone()),
        "a released lock stays as it is"
    );

    // The next version keeps what only the lock still knows.
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

    // Wire keys stay taken, and an option that is part of a wire key stays.
    let fifth = |fields: &str| {
        shop(
            &format!("5, {forgotten}"),
            alone,
            "2",
            &format!("{SIZE} #[session(default, since = 4)] zone: u8, {fields}"),
        )
    };
    for (key, says) in [
        (
            "theme",
            "`theme` was stored up to version 1, and sessions may still hold those values; if the field comes back, leave out",
        ),
        ("name", "wire key \"name\" still belongs to field `name`, but a step"),
    ] {
        let again = fifth(&format!("#[session(default, since = 5)] {key}: String"));
        refused(&again, &lock, says);
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

/// Only what no record holds any more may leave the source.
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
    refused(&at(&format!("{STEP})"), change), &lock, "what it says about `theme` must stay");
    refused(&at(REMOVED, change), &lock, "there `first` was made by a step from `name`, here it is added");
    refused(
        &at(&format!("{STEP}), {REMOVED}"), ", changed(since = 2)"),
        &lock,
        "`changed` needs `from = Type`",
    );
}

/// A field that a step writes may be removed once the step is down to its wire keys. Before that, the step would write only half.
#[test]
fn of_what_a_step_makes_nothing_is_removed_while_it_converts() {
    let lock = released(FIRST, "");
    let both = ", changed(since = 2, from = Vec<u32>, up = up, down = down)";
    let lock = released(&shop(&format!("2, {STEP}, down = down), {REMOVED}"), both, "2", ""), &lock);
    let last = "#[session(default, since = 2)] last: String,";
    let gone = "removed(key = \"last\", from = String, since = 3)";
    let one = STEP.replace("first, last", "first");
    let up = ", changed(since = 2, from = Vec<u32>, up = up)";
    let third = |more: &str, cart: &str| {
        shop(&format!("3, oldest_reader = 2, {more}"), cart, "2", "").replace(last, "")
    };
    let stays = "`last` is written by the step of version 2";
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

/// A form between two others must stay, since older sessions are converted through it.
#[test]
fn the_middle_of_a_chain_does_not_leave_early() {
    let at = |more: &str, fields: &str| {
        format!("#[session(name = \"shop\", version = {more})] struct Shop {{ {fields} }}")
    };
    let lock = released(&at("1", "#[session(default)] size: u8,"), "");
    let changed = "#[session(default, changed(since = 2, from = u8, up = up, down = down))] size: u16,";
    let lock = released(&at("2", changed), &lock);
    let (field, gone) =
        ("#[session(default, since = 3)] width: u16,", "removed(key = \"size\", from = u8, since = 2)");
    let third = "step(since = 3, from(\"size@2\": u16), to(width), up = up, down = down)";
    let says = "so say `step(since = 2, from(size: ..), to(\"size@2\"), up = ..)`";
    refused(&at(&format!("3, {third}"), field), &lock, says);
    refused(&at(&format!("3, {gone}, {third}"), field), &lock, says);
    let second = "step(since = 2, from(size: u8), to(\"size@2\"), up = up)";
    let lock = released(&at(&format!("3, {second}, {third}"), field), &lock);
    refused(&at(&format!("3, {gone}, {third}"), field), &lock, says);
    fine(&at(&format!("3, oldest_record = 2, {gone}, {third}"), field), &lock);
}

/// A wire key may begin with a word of the lock file.
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

/// A changed default is reported even if the type is spelled differently.
#[test]
fn a_default_beside_another_spelling() {
    let at = |default: &str, ty: &str| {
        format!(
            "#[session(name = \"shop\", version = 1)] struct Shop {{ #[session(default = {default})] n: {ty} }}"
        )
    };
    let lock = released(&at("one()", "Vec<u32>"), "");
    let asked = ask(&at("two()", "Numbers"), file(&lock)).told.join("\n");
    assert!(asked.contains("the default of `n` was `one()`"), "{asked}");
}

/// A field changes its type and is split in the next version. Its `changed` is then written as a step.
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

/// What no record holds any more may leave the source, but its wire key stays taken.
#[test]
fn the_lock_remembers_what_the_source_forgets() {
    let fields = "#[session(default)] a: u8";
    let first = format!(
        "#[session(name = \"shop\", version = 1)] struct Shop {{ {fields}, #[session(default)] theme: String }}"
    );
    let removed = "removed(key = \"theme\", from = String, since = 2)";
    let second = format!("#[session(name = \"shop\", version = 2, {removed})] struct Shop {{ {fields} }}");
    let lock = frozen(&ask(&first, file("")).lock);
    let lock = frozen(&ask(&second, file(&lock)).lock);
    let without = |more: &str, field: &str| {
        let text =
            format!("#[session(name = \"shop\", version = 2{more})] struct Shop {{ {fields}{field} }}");
        ask(&text, file(&lock)).mistakes.join("\n")
    };
    assert_eq!(without(", oldest_reader = 2, oldest_record = 2", ""), "");
    let early = without(", oldest_reader = 2, removed(key = \"b\", from = u8, since = 2)", "");
    assert!(early.contains("what it says about `theme` must stay"), "{early}");
    let reused = without(", oldest_reader = 2, oldest_record = 2", ", #[session(default)] theme: String");
    assert!(reused.contains("wire key \"theme\" was removed in version 2"), "{reused}");
}
