//! The section about requests in process.

use std::{error::Error, fmt::Write as _, path::Path};

use super::{plot, table};
use crate::{in_process::times::Times, instructions::Counts, size::SIZES};

/// The table, and the cost by the number of fields as a plot. `counts` are the instructions of both sides over a bare handler.
pub(crate) fn section(
    times: &[Times],
    counts: &[Counts<'_>],
    folder: &Path,
) -> Result<String, Box<dyn Error>> {
    let rows: Vec<_> = times
        .iter()
        .map(|times| {
            let (ours, theirs) = (times.ours().median, times.theirs().median);
            let count = counts.iter().find(|counts| counts.name == times.name);
            let counted = count.map_or(["–".into(), "–".into()], |Counts { ours, theirs, .. }| {
                [format!("{ours:.0}"), format!("{:.2}", theirs / ours)]
            });
            let [instructions, of_instructions] = counted;
            let ratio = times.ratio().to_string();
            vec![
                times.name.clone(),
                format!("{ours:.0}"),
                format!("{theirs:.0}"),
                ratio,
                instructions,
                of_instructions,
            ]
        })
        .collect();
    let head = ["", "ns", "actix-session, ns", "ratio", "instructions", "ratio of instructions"];
    let mut text = String::from(
        "## In process\n\nNanoseconds that a session adds to a request, over a bare handler in the same round; sessions are in memory. A ratio \
         is how many times as long actix-session takes: the median of all rounds, with the least and the greatest. `20x90` \
         is a session of 20 fields of 90 bytes, which is what is meant where nothing else is said. The fields beyond the twentieth \
         belong to other states than the one that the handler takes. `mixed` has fields of \
         several types. actix-session has no memory store, so it runs on the simplest possible one, whose keys come from a counter \
         instead of from randomness; that favours actix-session in `create`. Under \
         callgrind SHA-256 runs in software, so hashing, of which this library does more, counts for more than it takes.\n\n",
    );
    text.push_str(&table(&head, 1, &rows));
    if let Some(first) = times.first() {
        let _ = writeln!(text, "\nThe bare handler takes {:.0} ns.", first.bare().median);
    }
    let find = |kind: &str, size: &str| {
        times
            .iter()
            .find(|times| times.name == format!("{kind} {size}") || (size == "20x90" && times.name == kind))
    };
    let mut series = Vec::new();
    for (who, of) in
        [("actix-typed-session", Times::ours as fn(&Times) -> _), ("actix-session", Times::theirs)]
    {
        for kind in ["read", "set"] {
            let points = SIZES[..5].iter().filter_map(|size| {
                #[allow(clippy::cast_precision_loss)] // at most a thousand
                let fields = size.fields as f64;
                Some((fields, of(find(kind, &size.to_string())?).median / 1e3))
            });
            series.push((format!("{who}, {kind}"), points.collect()));
        }
    }
    plot::lines(
        &folder.join("fields.svg"),
        "What a session adds to a request in process",
        ("fields in the session", "µs"),
        &series,
    )?;
    text.push_str("\n![Cost by the number of fields](benchmarks/fields.svg)\n\n");
    Ok(text)
}
