//! Rules about sessions that an index may lose: those of principals that look alike, and those that change.
//!
//! In: a [`Bench`]. Out: a verdict per rule; skipped without an index.

use super::{
    harness::Harness,
    index::{Asked, LIST, principal, signed_in},
    kit::{Bench, LONG, failed, same, set, verifier},
    verdict::{Broken, Held, Verdict},
};
use crate::{
    record::change::{Change, Renewal},
    store::contract::SessionStore,
};

const APART: &str = "compare the whole text of a principal byte for byte, or a cryptographic hash of it; beware of collations, of columns \
    that are cut or padded, and of patterns";

/// JSON texts that some engine takes for one another.
fn similar() -> Vec<String> {
    let long = "x".repeat(3_000);
    let texts = [
        "1",
        "\"1\"",
        "1.0",
        "10",
        "\"a\"",
        "\"A\"",
        "\"a \"",
        "\" a\"",
        "\"\u{e9}\"",
        "\"e\u{301}\"",
        "\"e\"",
        "\"\u{df}\"",
        "\"ss\"",
        "\"%\"",
        "\"_\"",
        "\"*\"",
        "\"a\\u0000\"",
    ];
    let long = ["1", "2"].map(|end| format!("\"{long}{end}\""));
    texts.into_iter().map(str::to_owned).chain(long).collect()
}

pub(super) fn sessions_of_similar_principals_do_not_meet<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    let apart = |broken: Broken| Broken { fix: APART.to_owned(), ..broken };
    let names = similar();
    let all = || (0..).map(|n| b.selector(n)).zip(&names);
    for (selector, name) in all() {
        b.created(&selector, &signed_in(name))?;
    }
    for (selector, name) in all() {
        index.expect(name, &[selector], "among the sessions of similar principals").map_err(apart)?;
        same("the number of its sessions", &index.count(name)?, &1).map_err(apart)?;
        for other in names.iter().filter(|other| *other != name) {
            let deleted = b.harness.block_on(b.store.delete(&selector, Some(&principal(other))));
            deleted.map_err(|error| failed("delete", &error))?;
        }
        b.live(&selector, "after `delete` for similar principals").map_err(apart)?;
    }
    let mut left: Vec<_> = all().collect();
    while let Some((selector, name)) = left.pop() {
        same("the answer of `delete_all`", &index.delete_all(name, None)?, &1).map_err(apart)?;
        b.dead(&selector, "after `delete_all`", APART)?;
        for (other, _) in &left {
            b.live(other, "after `delete_all` for a similar principal").map_err(apart)?;
        }
    }
    Ok(Held::Held)
}

pub(super) fn a_session_stays_listed_whatever_changes<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    let selector = b.selector(1);
    b.created(&selector, &signed_in("1"))?;
    let changes = [
        ("a renewal", Change { renewal: Some(Renewal::new(verifier(2))), ..Change::default() }),
        ("a write", Change { write: vec![set("shop.cart", "[1]")], ..Change::default() }),
        (
            "a delete of the last cells",
            Change { delete: vec!["shop.cart".into(), "shop.user".into()], ..Change::default() },
        ),
        ("a label", Change { label: Some(Some("Firefox".into())), ..Change::default() }),
        ("a touch", Change { touch: true, ..Change::default() }),
        ("a longer cookie", Change { persistent: Some(true), ..Change::default() }),
        ("a proof of who is signed in", Change { authenticated: true, ..Change::default() }),
        ("limits", Change { principal: Some(Some(principal("1"))), limits: Some(LONG), ..Change::default() }),
    ];
    for (what, change) in changes {
        let record = b.updated(&selector, &change, "on a live record")?.record;
        let listed = index.list("1")?;
        let [listed] = &*listed else {
            let seen = format!("{} sessions", listed.len());
            return Err(Broken::new(format!("one session in the list after {what}"), seen, LIST));
        };
        same(&format!("the meta in the list after {what}"), &listed.meta, record.meta())?;
    }
    same("the answer of `delete_all`", &index.delete_all("1", None)?, &1)?;
    b.dead(&selector, "after `delete_all`", LIST)?;
    Ok(Held::Held)
}
