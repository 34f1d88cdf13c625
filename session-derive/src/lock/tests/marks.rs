//! The marks of a field: `principal` and `reset_on_sign_in`.

use super::ask::{ask, file, frozen, released};

fn shop(version: &str, fields: &[&str]) -> String {
    let fields = fields.join(", ");
    format!("#[session(name = \"shop\", version = {version})] struct Shop {{ {fields} }}")
}

fn mistakes(text: &str, lock: &str) -> String {
    ask(text, file(lock)).mistakes.join("\n")
}

const USER: &str = "#[session(principal)] user: Option<Numbers>";
const ADMIN: &str = "admin: Option<Numbers>";
const NEW: &str = "#[session(since = 2, principal)] account: Option<Numbers>";
const REMOVED: &str = "2, removed(key = \"user\", from = Option<Numbers>, since = 2)";

#[test]
fn who_is_signed_in_stays_who_is_signed_in() {
    let lock = released(&shop("1", &[USER, ADMIN]), "");
    assert!(lock.contains("added 1 principal\n"), "{lock}");
    let (user, admin) = ("user: Option<Numbers>", "#[session(principal)] admin: Option<Numbers>");
    let note = "#[session(since = 2)] note: Option<Numbers>";
    for (text, says) in [
        (
            shop("1", &[user, ADMIN]),
            "`user` has been the principal since version 1; its stored text identifies the user, so it cannot give",
        ),
        (shop("2", &[user, ADMIN, note]), "it cannot give that up while the field stays"),
        (shop("1", &[user, admin]), "it cannot hand that over to `admin`"),
        (shop("2", &[user, ADMIN, NEW]), "it cannot hand that over to `account`"),
        (shop(REMOVED, &[admin]), "`admin` has been stored since version 1 without being the principal"),
    ] {
        let told = mistakes(&text, &lock);
        assert!(told.contains(says) && told.lines().count() == 1, "{text}\n{told}");
    }
    for text in [
        // A renamed principal, one that is replaced by another field, and one that is removed.
        shop("1", &["#[session(principal, key = \"user\")] customer: Option<Numbers>", ADMIN]),
        shop(REMOVED, &[ADMIN, NEW]),
        shop(REMOVED, &[ADMIN]),
    ] {
        assert_eq!(mistakes(&text, &lock), "", "{text}");
    }

    let unsigned = released(&shop("1", &[ADMIN]), "");
    assert_eq!(mistakes(&shop("2", &[ADMIN, NEW]), &unsigned), "");
    assert!(mistakes(&shop("1", &[admin]), &unsigned).contains("without being the principal"));
    assert!(mistakes(&shop("2", &[admin, note]), &unsigned).contains("`principal, since = 2`"));
}

/// A conversion cannot end the principal either; only `removed` can.
#[test]
fn who_is_signed_in_is_not_converted() {
    let lock = released(&shop("1", &[USER, ADMIN]), "");
    let changed =
        "#[session(changed(since = 2, from = Option<Numbers>, up = up, down = down))] user: Option<String>";
    let step =
        |to: &str| format!("2, step(since = 2, from(user: Option<Numbers>), to({to}), up = up, down = down)");
    let (uid, tag) =
        ("#[session(since = 2)] uid: Option<String>", "#[session(since = 2)] tag: Option<String>");
    for (text, word) in [
        (shop("2", &[changed, ADMIN]), "changed"),
        (shop("2", &[changed, ADMIN, NEW]), "changed"),
        (shop(&step("uid"), &[uid, ADMIN]), "step"),
        (shop(&step("uid, tag"), &[uid, tag, ADMIN, NEW]), "step"),
    ] {
        let told = mistakes(&text, &lock);
        let says = format!(
            "`user` is the principal; its stored text identifies the user, so no `{word}` can convert it"
        );
        assert!(told.contains(&says) && told.lines().count() == 1, "{text}\n{told}");
    }
    // Other fields may be converted.
    let beside =
        "#[session(changed(since = 2, from = Option<Numbers>, up = up, down = down))] admin: Option<String>";
    assert_eq!(mistakes(&shop("2", &[USER, beside]), &lock), "");
}

#[test]
fn a_draft_may_still_choose_who_is_signed_in() {
    let draft = ask(&shop("1", &[USER, ADMIN]), file("")).lock;
    let other = shop("1", &["user: Option<Numbers>", ADMIN]);
    let updated = ask(&other, file(&draft));
    assert!(updated.mistakes.is_empty() && !updated.lock.contains("principal"), "{}", updated.lock);
}

#[test]
fn what_a_sign_in_resets_changes_only_on_purpose() {
    let role = |mark: &str| format!("#[session(default{mark})] role: u8");
    let (kept, reset) = (role(""), role(", reset_on_sign_in"));
    let was = "was reset on sign-in; without `reset_on_sign_in`";
    for (before, after, says) in
        [(&reset, &kept, was), (&kept, &reset, "was kept on sign-in; with `reset_on_sign_in`")]
    {
        let lock = released(&shop("1", &[before]), "");
        let bumped = shop("2", &[after, "#[session(since = 2)] note: Option<u8>"]);
        for (text, is_draft) in [(shop("1", &[after]), false), (bumped, true)] {
            let answer = ask(&text, file(&lock));
            assert_eq!(answer.mistakes, [""; 0], "{text}");
            let told = answer.told.join("\n");
            assert!(
                told.contains(says) && told.contains("SESSION_LOCK=release") != is_draft,
                "{text}\n{told}"
            );
            let after = ask(&text, file(&frozen(&answer.lock)));
            assert_eq!(after.told, [""; 0], "{text}\n{}", answer.lock);
        }
    }
    // The same for a field that changes its type.
    let lock = released(&shop("1", &[&reset]), "");
    let changed = "#[session(default, changed(since = 2, from = u8, up = up, down = down))] role: u16";
    let told = |text: &str| ask(&shop("2", &[text]), file(&lock)).told.join("\n");
    assert!(told(changed).contains(was));
    assert_eq!(told(&changed.replace("default,", "default, reset_on_sign_in,")), "");
}

/// Options that only affect how this binary reads are not in the lock.
#[test]
fn other_marks_are_left_alone() {
    let lock = released(&shop("1", &["notice: Option<String>", "#[session(default)] size: u8"]), "");
    let other =
        shop("1", &["#[session(flash)] notice: Option<String>", "#[session(default, lenient)] size: u8"]);
    assert_eq!(mistakes(&other, &lock), "");
}
