//! A rule about two handles to the same records, as two processes have them.
//!
//! In: a [`Bench`] whose harness makes siblings. Out: a verdict; skipped if it does not.

use super::{
    harness::Harness,
    index::{Asked, signed_in},
    kit::{Bench, same_record, write},
    verdict::{Broken, Held, Verdict},
};
use crate::record::change::Change;

const SHARED: &str = "answer from what is stored now; a handle must not keep what another one may change";

/// OWASP ASVS 5.0 7.4.1: what one process has ended, no other process opens.
pub(super) fn what_one_handle_writes_the_other_reads<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let Some(sibling) = b.sibling() else { return Ok(Held::Skipped) };
    for (n, (writes, reads)) in (0..).zip([(b, &sibling), (&sibling, b)]) {
        let name = n.to_string();
        let (ended, revoked) = (b.selector(2 * n), b.selector(2 * n + 1));
        for selector in [&ended, &revoked] {
            reads.dead(selector, "before `create`", SHARED)?;
            let mut stored = writes.created(selector, &signed_in(&name))?.record;
            for round in 0..3 {
                let read = reads.live(selector, "that the other handle wrote")?.record;
                same_record("that the other handle wrote", &read, &stored).map_err(shared)?;
                let change = write("shop.cart", &format!("[{round}]"));
                stored = writes.updated(selector, &change, "on a live record")?.record;
            }
        }
        writes.delete(&ended)?;
        reads.dead(&ended, "after the other handle deleted it", SHARED)?;
        if let (Some(one), Some(other)) = (Asked::of(writes), Asked::of(reads)) {
            other.expect(&name, &[revoked], "after the other handle deleted a session").map_err(shared)?;
            one.delete_all(&name, None)?;
            other.expect(&name, &[], "after the other handle ended all sessions").map_err(shared)?;
        }
        writes.delete(&revoked)?;
        reads.dead(&revoked, "after the other handle ended it", SHARED)?;
        reads.gone(
            &revoked,
            &Change { touch: true, ..Change::default() },
            "after the other handle ended it",
        )?;
    }
    Ok(Held::Held)
}

fn shared(broken: Broken) -> Broken {
    Broken { fix: SHARED.to_owned(), ..broken }
}
