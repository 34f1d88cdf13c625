//! An `up` that makes another value each time it is called, as one that asks the clock or makes a random id does.

use std::hash::{BuildHasher as _, RandomState};

use actix_typed_session::{
    SessionState,
    store::{AnyStore, MemoryStore},
};

use super::kit::World;

mod v1 {
    use super::*;

    #[derive(SessionState)]
    #[session(name = "a", version = 1, lock = off)]
    pub(in crate::evolution) struct A {
        #[session(flash)]
        pub(in crate::evolution) notice: Option<u8>,
        #[session(default)]
        pub(in crate::evolution) hits: u8,
        pub(in crate::evolution) other: Option<u8>,
    }
}

mod v2 {
    use super::*;

    #[derive(SessionState)]
    #[session(name = "a", version = 2, lock = off)]
    pub(in crate::evolution) struct A {
        #[session(flash, changed(since = 2, from = Option<u8>, up = up, down = down))]
        pub(in crate::evolution) notice: Option<(u8, u64)>,
        #[session(default, changed(since = 2, from = u8, up = up_hits, down = down_hits))]
        pub(in crate::evolution) hits: (u8, u64),
        pub(in crate::evolution) other: Option<u8>,
    }

    fn up(old: Option<u8>) -> Option<(u8, u64)> {
        old.map(up_hits)
    }
    fn down(new: Option<(u8, u64)>) -> Option<u8> {
        new.map(down_hits)
    }
    fn up_hits(old: u8) -> (u8, u64) {
        (old, RandomState::new().hash_one(0))
    }
    fn down_hits((old, _): (u8, u64)) -> u8 {
        old
    }
}

fn memory() -> World {
    World::on(AnyStore::new(MemoryStore::unbounded()))
}

/// Whoever commits first, or stores the same notice in its newer form.
#[actix_web::test]
async fn a_flash_is_shown_once() {
    for meanwhile in [&[][..], &[("a.other", "1")], &[("a.notice@2", "[4,1]")]] {
        let world = memory();
        world.visit::<v1::A, _>(async |a| a.set_notice(4)).await.unwrap();
        if !meanwhile.is_empty() {
            world.write_before_next(meanwhile);
        }
        let taken = world.visit::<v2::A, _>(async |a| a.take_notice()).await.unwrap();
        assert_eq!(taken.map(|taken| taken.0), Some(4));
        assert_eq!(world.visit::<v2::A, _>(async |a| a.take_notice()).await, Ok(None));
        assert_eq!(world.visit::<v1::A, _>(async |a| a.take_notice()).await, Ok(None));
    }
}

/// No edit by either binary is lost, or counted twice.
#[actix_web::test]
async fn every_edit_counts_once() {
    let world = memory();
    for edit in 1..=6_u8 {
        // What another request stores meanwhile: nothing, another field, the field in its newer form.
        match edit % 3 {
            0 if edit > 3 => world.write_before_next(&[("a.other", "1")]),
            1 if edit > 3 => world.write_before_next(&[("a.other", "2")]),
            _ => {}
        }
        if edit % 2 == 0 {
            world.visit::<v1::A, _>(async |a| a.update_hits(|hits| *hits += 1)).await.unwrap();
        } else {
            world.visit::<v2::A, _>(async |a| a.update_hits(|hits| hits.0 += 1)).await.unwrap();
        }
        assert_eq!(world.visit::<v1::A, _>(async |a| a.hits()).await, Ok(edit));
        assert_eq!(world.visit::<v2::A, _>(async |a| a.hits().0).await, Ok(edit));
    }
    // A blind set of a field that is read as another value each time.
    world.visit::<v1::A, _>(async |a| a.set_hits(9)).await.unwrap();
    world.write_before_next(&[("a.other", "3")]);
    world.visit::<v2::A, _>(async |a| a.set_hits((7, 7))).await.unwrap();
    assert_eq!(world.visit::<v2::A, _>(async |a| *a.hits()).await, Ok((7, 7)));
    assert_eq!(world.visit::<v1::A, _>(async |a| a.hits()).await, Ok(7));
}
