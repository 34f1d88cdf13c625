//! The instructions that the client of the Redis store takes for one call, counted by callgrind.
//!
//! In: the URL of an empty Redis. Out: calls in a function that callgrind can watch. Never: a comparison; a count has the task of the
//! connection in it, which takes what has arrived in one piece or in two.

use std::{error::Error, time::Duration};

use actix_typed_session::{
    change::{CellWrite, Change, Guard, NewRecord},
    id::{Selector, VerifierHash},
    record::{Json, Limits},
    store::{Created, Loaded, RedisStore, SessionStore, Updated},
};
use actix_web::rt::SystemRunner;

use crate::{
    instructions::counted,
    size::{USUAL, text},
};

const CALLS: u32 = 200;

/// Makes the calls named `what`, `load` or `update`.
pub(crate) fn count(system: &SystemRunner, url: &str, what: &str) -> Result<(), Box<dyn Error>> {
    let (store, selector) = system.block_on(prepare(url))?;
    let (store, selector) = (&store, &selector);
    let calls = |count| async move {
        for _ in 0..count {
            match what {
                "load" => drop(load(store, selector).await?),
                "update" => update(store, selector).await?,
                _ => return Err(format!("`{what}` is not one of load, update").into()),
            }
        }
        Ok::<_, Box<dyn Error>>(())
    };
    // What is made at first use is not part of what a call costs.
    system.block_on(calls(50))?;
    counted(|| system.block_on(calls(CALLS)))
}

async fn prepare(url: &str) -> Result<(RedisStore, Selector), Box<dyn Error>> {
    let (store, selector) = (RedisStore::open(url).await?, Selector::from_bytes([7; 16]));
    let hour = Duration::from_hours(1);
    let mut new = NewRecord::new(VerifierHash::from_bytes([1; 32]), Limits::new(hour, hour));
    new.cells = (0..USUAL.fields).map(|field| write(field, 0)).collect();
    store.delete(&selector, None).await?;
    match store.create(&selector, &new).await? {
        Created::Created => Ok((store, selector)),
        other => Err(format!("{other:?}").into()),
    }
}

fn write(field: usize, n: u64) -> CellWrite {
    CellWrite::new(
        format!("shop.text{field}").into(),
        Json::from_store(&format!("\"{}{n}\"", text(USUAL.bytes))),
    )
}

async fn load(store: &RedisStore, selector: &Selector) -> Result<Loaded, Box<dyn Error>> {
    store.load(selector).await?.ok_or_else(|| "the session is gone".into())
}

/// Writes one of the cells, guarded as the middleware guards it.
async fn update(store: &RedisStore, selector: &Selector) -> Result<(), Box<dyn Error>> {
    let mut change = Change::default();
    change.guards = vec![Guard::new("$shop".into(), None)];
    change.write = vec![write(3, 0)];
    match store.update(selector, &change).await? {
        Updated::Done { .. } => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}
