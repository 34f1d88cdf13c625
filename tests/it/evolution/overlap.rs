//! Overlapping requests of old and new binaries: every order of the loads and commits of three requests, as in the design's model.

use std::{cell::RefCell, rc::Rc};

use actix_web::rt::{SystemRunner, spawn};
use tokio::sync::{mpsc, oneshot};

use super::{
    kit::{Refused, World},
    place::{Place, on_every_store},
    shop::{line, v2, v3, v3b},
    versions::{Three, v3 as m3, v4 as m4},
};

on_every_store! {
    async a_conflict_on_an_upgraded_field_drops_the_upgrade
    async a_conflict_on_a_written_field_runs_the_closure_again
    async a_closure_guards_every_form_of_its_field
    async the_gate_is_checked_again_after_a_conflict
    async the_gate_is_never_lowered
    async a_late_set_is_kept_if_the_field_was_only_upgraded
    async an_up_whose_text_differs_each_time_is_not_an_edit
    ;
    fn no_raise_is_lost_in_any_order
}

/// The job of one request.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    OldRaise,
    NewRaise,
    /// Saves another field, and so stores the upgraded value that it read.
    NewNote,
    OldNote,
    NewRenew,
}

fn raised(a: Option<(u32, u8)>) -> Option<(u32, u8)> {
    Some(a.map_or((1, 0), |(n, d)| (n + 1, d)))
}

/// Stops a handler between load and commit, until `go` is sent.
async fn stop(told: mpsc::UnboundedSender<()>, go: oneshot::Receiver<()>) {
    told.send(()).unwrap();
    go.await.unwrap();
}

async fn request(
    world: Rc<World>,
    kind: Kind,
    told: mpsc::UnboundedSender<()>,
    go: oneshot::Receiver<()>,
) -> bool {
    let done = match kind {
        Kind::OldRaise => {
            world
                .visit::<m3::M, _>(async |m| {
                    m.update_a(|a| *a = raised(*a));
                    stop(told, go).await;
                })
                .await
        }
        Kind::NewRaise => {
            let raise = |a: &mut Option<Three>| {
                let now = a.unwrap_or(Three { n: 0, d: 0, e: 0 });
                *a = Some(Three { n: now.n + 1, e: now.e + 1, ..now });
            };
            world
                .visit::<m4::M, _>(async move |m| {
                    m.update_a(raise);
                    stop(told, go).await;
                })
                .await
        }
        Kind::NewNote => {
            world
                .visit::<m4::M, _>(async |m| {
                    m.set_note(m.note() + 1);
                    stop(told, go).await;
                })
                .await
        }
        Kind::OldNote => {
            world
                .visit::<m3::M, _>(async |m| {
                    m.set_note(m.note() + 1);
                    stop(told, go).await;
                })
                .await
        }
        Kind::NewRenew => {
            world
                .visit::<m4::M, _>(async |m| {
                    m.session().renew();
                    stop(told, go).await;
                })
                .await
        }
    };
    match done {
        Ok(()) => true,
        // Another request replaced the cookie in the meantime: nothing is stored, and the answer says so.
        Err(Refused(409, _)) => false,
        Err(refused) => panic!("{kind:?}: {refused:?}"),
    }
}

/// All orders of the loads and commits of three requests. Each request's number occurs twice: load, then commit.
fn orders() -> Vec<Vec<usize>> {
    fn go(left: [usize; 3], so_far: &[usize], all: &mut Vec<Vec<usize>>) {
        if left == [0; 3] {
            all.push(so_far.to_vec());
        }
        for at in 0..3 {
            if left[at] > 0 {
                let mut less = left;
                less[at] -= 1;
                go(less, &[so_far, &[at]].concat(), all);
            }
        }
    }
    let mut all = Vec::new();
    go([2; 3], &[], &mut all);
    all
}

fn no_raise_is_lost_in_any_order(system: &SystemRunner, place: &Place) {
    use Kind::{NewNote, NewRaise, NewRenew, OldNote, OldRaise};
    const KINDS: [Kind; 5] = [OldRaise, NewRaise, NewNote, OldNote, NewRenew];
    /// A stride that is coprime to the number of cases.
    const STRIDE: usize = 7_919;
    let orders = orders();
    assert_eq!(orders.len(), 90);
    let all = orders.len() * KINDS.len().pow(3);
    system.block_on(async {
        for nth in 0..place.cases(2_250) as usize {
            let (order, kinds) = (nth * STRIDE % all % 90, nth * STRIDE % all / 90);
            let kinds = [KINDS[kinds % 5], KINDS[kinds / 5 % 5], KINDS[kinds / 25]];
            one(place.world(), &kinds, &orders[order]).await;
        }
    });
}

async fn one(world: World, kinds: &[Kind; 3], order: &[usize]) {
    let world = Rc::new(world);
    world.visit::<m3::M, _>(async |m| m.set_a((5, 3))).await.unwrap();
    let cookie = world.cookie.borrow().clone();
    let (told, mut stopped) = mpsc::unbounded_channel();
    let mut running: Vec<Option<(oneshot::Sender<()>, _)>> = (0..3).map(|_| None).collect();
    let (mut stored, mut newest) = ([false; 3], cookie.clone());
    for at in order {
        match running[*at].take() {
            None => {
                let (go, wait) = oneshot::channel();
                // All three requests send the cookie that the browser had when the first one began.
                world.cookie.borrow_mut().clone_from(&cookie);
                let request = spawn(request(world.clone(), kinds[*at], told.clone(), wait));
                running[*at] = Some((go, request));
                stopped.recv().await.unwrap();
            }
            Some((go, request)) => {
                go.send(()).unwrap();
                stored[*at] = request.await.unwrap();
                if *world.cookie.borrow() != cookie {
                    newest.clone_from(&world.cookie.borrow());
                }
            }
        }
    }
    *world.cookie.borrow_mut() = newest;
    let raises = kinds
        .iter()
        .zip(stored)
        .filter(|(kind, stored)| *stored && matches!(kind, Kind::OldRaise | Kind::NewRaise));
    let raises = raises.count();
    let expected = 5 + u32::try_from(raises).unwrap();
    let at = format!("{kinds:?} {order:?} {}", world.cells().await);
    let n = world.visit::<m4::M, _>(async |m| m.a().map(|a| (a.n, a.d))).await.unwrap();
    assert_eq!(n, Some((expected, 3)), "{at}");
    let n = world.visit::<m3::M, _>(async |m| m.a().copied()).await.unwrap();
    assert_eq!(n, Some((expected, 3)), "{at}");
}

/// If another request edits a field that this one only upgraded, the upgraded value is dropped, and the first retry stores the
/// request's own writes.
async fn a_conflict_on_an_upgraded_field_drops_the_upgrade(place: Place) {
    let world = place.world();
    world.visit::<v2::Shop, _>(async |shop| shop.set_cart(vec![11])).await.unwrap();
    world.write_before_next(&[("shop.cart", "[11,12]")]);
    let runs = Rc::new(RefCell::new(0));
    let counted = runs.clone();
    world
        .visit::<v3::Shop, _>(async move |shop| {
            shop.update_locale(move |locale| {
                *counted.borrow_mut() += 1;
                locale.push('!');
            });
        })
        .await
        .unwrap();
    assert_eq!(*runs.borrow(), 2, "the closure ran again, on the record that the conflict answered with");
    let updates = world.updates();
    let written: Vec<Vec<&str>> =
        updates.iter().map(|change| change.write.iter().map(|write| write.key.as_str()).collect()).collect();
    assert_eq!(written, [vec!["$shop", "shop.locale", "shop.cart@3"], vec!["$shop", "shop.locale"]]);
    assert_eq!(world.cells().await, "$shop r3 2\nshop.cart r2 [11,12]\nshop.locale r3 \"en!\"\n");
    let seen = world.visit::<v3::Shop, _>(async |shop| shop.cart().to_vec()).await.unwrap();
    assert_eq!(seen, [line(11, 1), line(12, 1)]);
}

/// A conflict on a field that the request writes runs its closure again on the stored data. No upgraded value is stored with it then.
async fn a_conflict_on_a_written_field_runs_the_closure_again(place: Place) {
    let world = place.world();
    world
        .visit::<v2::Shop, _>(async |shop| {
            shop.set_cart(vec![11]);
            shop.set_locale("de");
        })
        .await
        .unwrap();
    world.write_before_next(&[("shop.cart", "[11,12]"), ("shop.locale", "\"fr\"")]);
    world.visit::<v3::Shop, _>(async |shop| shop.update_locale(|locale| locale.push('!'))).await.unwrap();
    assert_eq!(world.cell("shop.locale").await.unwrap(), "\"fr!\"");
    assert_eq!(world.cell("shop.cart@3").await, None);
    assert_eq!(world.updates().len(), 2);
}

/// An edit of the older form by an old binary conflicts with a closure over the newer form.
async fn a_closure_guards_every_form_of_its_field(place: Place) {
    let world = place.world();
    world.visit::<v3::Shop, _>(async |shop| shop.set_cart(vec![line(11, 2)])).await.unwrap();
    world.write_before_next(&[("shop.cart", "[11,12]")]);
    world.visit::<v3::Shop, _>(async |shop| shop.update_cart(|cart| cart.push(line(13, 1)))).await.unwrap();
    let seen = world.visit::<v3::Shop, _>(async |shop| shop.cart().to_vec()).await.unwrap();
    assert_eq!(seen, [line(11, 2), line(12, 1), line(13, 1)]);
    assert_eq!(world.cell("shop.cart").await.unwrap(), "[11,12,13]");
}

/// A newer release raises the gate during a request of an older one. The request is refused and writes nothing.
async fn the_gate_is_checked_again_after_a_conflict(place: Place) {
    let world = place.world();
    world.visit::<v2::Shop, _>(async |shop| shop.set_cart(vec![11])).await.unwrap();
    world.write_before_next(&[("$shop", "3"), ("shop.locale", "\"fr\"")]);
    let refused = world.visit::<v2::Shop, _>(async |shop| shop.set_locale("de")).await;
    assert_eq!(refused.unwrap_err().0, 503);
    assert_eq!(world.cell("shop.locale").await.unwrap(), "\"fr\"");
    assert_eq!(world.cell("$shop").await.unwrap(), "3");
}

/// A request that found no gate must not lower one that a newer release has written in the meantime.
async fn the_gate_is_never_lowered(place: Place) {
    let world = place.world();
    world.visit::<m3::M, _>(async |m| m.set_note(1)).await.unwrap();
    world.write_before_next(&[("$shop", "3")]);
    world.visit::<v3::Shop, _>(async |shop| shop.set_locale("de")).await.unwrap();
    assert_eq!(world.cell("$shop").await.unwrap(), "3");
    world.visit::<v3b::Shop, _>(async |shop| shop.set_locale("en")).await.unwrap();
    assert_eq!(world.cell("$shop").await.unwrap(), "3");
}

mod sets {
    use std::collections::HashSet;

    use actix_typed_session::SessionState;

    use super::super::shop::v2;

    #[derive(SessionState)]
    #[session(name = "shop", version = 3, lock = off, removed(key = "theme", from = String, since = 2))]
    pub(super) struct Shop {
        #[session(default, changed(since = 3, from = Vec<u32>, up = to_set, down = to_list))]
        pub(super) cart: HashSet<u32>,
    }

    fn to_set(skus: Vec<u32>) -> HashSet<u32> {
        skus.into_iter().collect()
    }

    fn to_list(set: HashSet<u32>) -> Vec<u32> {
        set.into_iter().collect()
    }

    pub(super) fn fill(shop: &mut v2::ShopHandle) {
        shop.set_cart((0..64).collect());
    }
}

/// A set has a different order each time it is made from the same list. That is not an edit, so a late `set` is kept.
async fn an_up_whose_text_differs_each_time_is_not_an_edit(place: Place) {
    let world = Rc::new(place.world());
    world.visit::<v2::Shop, _>(async |shop| sets::fill(shop)).await.unwrap();
    let (told, mut stopped) = mpsc::unbounded_channel();
    let (go, wait) = oneshot::channel();
    let (slow, cookie) = (world.clone(), world.cookie.borrow().clone());
    let slow = spawn(async move {
        slow.visit::<sets::Shop, _>(async |shop| {
            shop.set_cart([9].into());
            stop(told, wait).await;
        })
        .await
    });
    stopped.recv().await.unwrap();
    *world.cookie.borrow_mut() = cookie;
    world.visit::<sets::Shop, _>(async |shop| shop.session().renew()).await.unwrap();
    go.send(()).unwrap();
    slow.await.unwrap().unwrap();
    let cart = world.visit::<sets::Shop, _>(async |shop| shop.cart().len()).await.unwrap();
    assert_eq!(cart, 1, "{}", world.cells().await);
}

/// Another request renews the id first. The blind set of this one is not lost to a value that was only upgraded.
async fn a_late_set_is_kept_if_the_field_was_only_upgraded(place: Place) {
    for (cells, kept) in [
        (&[("shop.cart@3", r#"[{"sku":11,"qty":1}]"#)][..], true),
        (&[("shop.cart@3", r#"[{"sku":11,"qty":7}]"#), ("shop.cart", "[11]")][..], false),
    ] {
        let world = Rc::new(place.world());
        world.visit::<v2::Shop, _>(async |shop| shop.set_cart(vec![11])).await.unwrap();
        let (told, mut stopped) = mpsc::unbounded_channel();
        let (go, wait) = oneshot::channel();
        let (slow, cookie) = (world.clone(), world.cookie.borrow().clone());
        let slow = spawn(async move {
            slow.visit::<v3::Shop, _>(async |shop| {
                shop.set_cart(vec![line(9, 9)]);
                stop(told, wait).await;
            })
            .await
        });
        stopped.recv().await.unwrap();
        world.write(cells).await;
        *world.cookie.borrow_mut() = cookie;
        world.visit::<m3::M, _>(async |m| m.session().renew()).await.unwrap();
        go.send(()).unwrap();
        slow.await.unwrap().unwrap();
        let cart = world.visit::<v3::Shop, _>(async |shop| shop.cart()[0].sku).await.unwrap();
        assert_eq!(cart == 9, kept, "{}", world.cells().await);
    }
}
