//! Rules about bytes: a store keeps text as it is, without interpreting it.
//!
//! In: a [`Bench`]. Out: a verdict per rule.

use super::{
    harness::Harness,
    kit::{Bench, new_record, same, same_record, write},
    verdict::{Held, Verdict},
};
use crate::record::{apply::Record, change::Change, json::Json, meta::Principal};

/// JSON that would change if it were parsed and printed, or that collides with the quoting of an engine.
fn awkward() -> Vec<(String, String)> {
    let text = |n: usize| format!("\"{}\"", "abcdefgh".repeat(n / 8));
    let values = [
        "123456789012345678901234567890",
        "18446744073709551615",
        "1e400",
        "-1E-400",
        "-0.0",
        "-0",
        "1.10",
        "1E+2",
        "0.1000000000000000055511151231257827021181583404541015625",
        r#""\u0000""#,
        r#""\ud83d\ude00 \/ \u00e9""#,
        "\"\u{e9}\u{4e2d}\u{1f600}\u{202e}\u{feff}\"",
        r#"{"b":1,"a":2,"b":3}"#,
        "{ \"spaced\" : [ 1 ,\t2 ] }",
        "[]",
        "\"\"",
        "null",
        // A secret value as it is stored, which is no JSON.
        "sealed:1.MkHn.AAECAwQFBgcICQ-_",
        "true",
        "\"'; drop table session; --\"",
        r#""7 8@9 \"quoted\" $1 ?1 :a %s {0}""#,
        "\"line\u{2028}\\n\\r\\n*3\\r\\n$3\\r\\n\"",
    ];
    let mut cells: Vec<_> = values.iter().map(|v| (*v).to_owned()).collect();
    cells.push(text(64 * 1024));
    let mut cells: Vec<(String, String)> =
        cells.into_iter().enumerate().map(|(n, json)| (format!("raw.v{n}"), json)).collect();
    // The wire keys of unknown schemas may be any text.
    let wire_keys = [
        "\u{e9}.\u{4e2d}\u{6587}",
        "$shop",
        "a b.c d",
        "q'uo\"te",
        "shop.user",
        "SHOP.USER",
        "%_*?[a]",
        "e\u{301}.x",
    ];
    let long = ["1", "2"].map(|end| format!("long.{}{end}", "k".repeat(300)));
    let wire_keys = wire_keys.map(str::to_owned).into_iter().chain(long);
    cells.extend(wire_keys.enumerate().map(|(n, wire_key)| (wire_key, n.to_string())));
    cells
}

pub(super) fn cells_are_kept_byte_for_byte<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let cells = awkward();
    let pairs: Vec<(&str, &str)> =
        cells.iter().map(|(wire_key, json)| (wire_key.as_str(), json.as_str())).collect();
    let (whole, piecemeal) = (b.selector(1), b.selector(2));
    let new = new_record(&pairs);
    let created = b.created(&whole, &new)?.record;
    same_record("after `create`", &created, &Record::create(&new, created.meta().created))?;
    b.created(&piecemeal, &new_record(&[]))?;
    for (wire_key, json) in &pairs {
        b.updated(&piecemeal, &write(wire_key, json), "on a live record")?;
    }
    for record in [b.live(&whole, "still")?.record, b.live(&piecemeal, "still")?.record] {
        for (wire_key, json) in &pairs {
            let seen = record.cell(wire_key).map(|cell| cell.json.as_str());
            let short = |text: Option<&str>| text.map(|t| (t.len(), t.chars().take(60).collect::<String>()));
            if seen != Some(json) {
                same(&format!("cell {wire_key:?}, byte for byte"), &short(seen), &short(Some(json)))?;
                same(&format!("cell {wire_key:?} beyond its first 60 characters"), &false, &true)?;
            }
        }
    }
    // A write of one cell leaves the bytes of all other cells unchanged.
    let before = b.live(&whole, "still")?.record;
    let after = b.updated(&whole, &write("raw.v0", "0"), "on a live record")?.record;
    let others = |record: &Record| {
        record
            .cells()
            .iter()
            .filter(|(wire_key, _)| wire_key.as_str() != "raw.v0")
            .cloned()
            .collect::<Vec<_>>()
    };
    same("all other cells after a write of one", &others(&after), &others(&before))?;
    Ok(Held::Held)
}

pub(super) fn principal_and_label_are_kept_byte_for_byte<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let selector = b.selector(1);
    b.created(&selector, &new_record(&[]))?;
    for (_, json) in awkward() {
        let principal = Principal::new("shop.user", &Json::from_store(&json));
        let change = Change {
            principal: Some(Some(principal.clone())),
            label: Some(Some(format!("{json}\0\u{1b}[31m").into())),
            ..Change::default()
        };
        let record = b.updated(&selector, &change, "on a live record")?.record;
        let seen = record.meta().principal.as_ref().map(Principal::as_str);
        same("the principal is kept", &(seen == Some(principal.as_str())), &true)?;
        same("the label is kept", &(Some(&record.meta().label) == change.label.as_ref()), &true)?;
    }
    Ok(Held::Held)
}
