//! What is tried. Each experiment does the same twice: with requests into the store of the shop, and with the simulation.
//!
//! In: the store. Out: what is left. Never: an outcome that was not read.

use std::rc::Rc;

use actix_typed_session::{TypedSession, store::AnyStore};
use actix_web::HttpResponse;
use tokio::{
    join,
    sync::{Barrier, Notify},
};

use super::{
    Finding,
    basket::{Basket, next},
    outage::Outage,
    visitor::Visitor,
    whole::{self, NextBasket, WholeSession},
};

type Findings = Result<Vec<Finding>, actix_web::Error>;

pub(super) async fn two_tabs(store: &AnyStore) -> Findings {
    let mut visitor = Visitor::of(store.clone())?;
    visitor.asks(add(1)).await;
    let both_have_read = Rc::new(Barrier::new(2));
    let add_late = move |mut basket: TypedSession<Basket>| {
        let both_have_read = both_have_read.clone();
        async move {
            both_have_read.wait().await;
            basket.update_teas(|teas| *teas += 1);
            HttpResponse::Ok().finish()
        }
    };
    let (mut tab, mut other) = (visitor.clone(), visitor.clone());
    join!(tab.asks(add_late.clone()), other.asks(add_late));

    let mut session = WholeSession::default();
    session.write(&whole::Basket { teas: 1, ..Default::default() });
    let (mut tab, mut other): (whole::Basket, whole::Basket) = (session.read(), session.read());
    tab.teas += 1;
    other.teas += 1;
    session.write(&tab);
    session.write(&other);

    let (_, count) = look(&mut visitor).await;
    leave(&mut visitor).await;
    Ok(vec![teas(3, count, session.read::<whole::Basket>().teas)])
}

pub(super) async fn slow_request(store: &AnyStore) -> Findings {
    let mut visitor = Visitor::of(store.clone())?;
    visitor
        .asks(|mut basket: TypedSession<Basket>| async move {
            basket.set_customer("Ada");
            basket.set_teas(1);
            HttpResponse::Ok().finish()
        })
        .await;
    let (begun, signed_out) = (Rc::new(Notify::new()), Rc::new(Notify::new()));
    let add_slowly = {
        let (begun, signed_out) = (begun.clone(), signed_out.clone());
        move |mut basket: TypedSession<Basket>| {
            let (begun, signed_out) = (begun.clone(), signed_out.clone());
            async move {
                begun.notify_one();
                signed_out.notified().await;
                basket.update_teas(|teas| *teas += 1);
                HttpResponse::Ok().finish()
            }
        }
    };
    let (mut slow, mut other) = (visitor.clone(), visitor.clone());
    join!(slow.asks(add_slowly), async {
        begun.notified().await;
        leave(&mut other).await;
        signed_out.notify_one();
    });

    let mut session = WholeSession::default();
    session.write(&whole::Basket { customer: Some("Ada".to_owned()), teas: 1 });
    let mut slow: whole::Basket = session.read();
    session.delete();
    slow.teas += 1;
    session.write(&slow);

    let (customer, count) = look(&mut visitor).await;
    let there: whole::Basket = session.read();
    let name = |customer: Option<String>| customer.unwrap_or_else(|| "nobody".to_owned());
    let who = Finding {
        what: "Who the old cookie signs in",
        expected: "nobody".to_owned(),
        here: name(customer),
        there: name(there.customer),
    };
    Ok(vec![who, teas(0, count, there.teas)])
}

pub(super) async fn outage(store: &AnyStore) -> Findings {
    let store = Outage::of(store.clone());
    let mut visitor = Visitor::of(store.clone())?;
    visitor.asks(add(3)).await;
    store.begin();
    let status = visitor.asks(add(1)).await;
    store.end();

    let mut session = WholeSession::default();
    session.write(&whole::Basket { teas: 3, ..Default::default() });
    // The read failed, and a failure to read is taken for a visitor without a session.
    let mut request = whole::Basket::default();
    request.teas += 1;
    session.write(&request);

    let answer = Finding {
        what: "The answer to the request",
        expected: "an error".to_owned(),
        here: if status.is_server_error() { "an error" } else { "a tea was added" }.to_owned(),
        there: "a tea was added".to_owned(),
    };
    let (_, count) = look(&mut visitor).await;
    leave(&mut visitor).await;
    Ok(vec![answer, teas(3, count, session.read::<whole::Basket>().teas)])
}

pub(super) async fn deploy(store: &AnyStore) -> Findings {
    let mut old = Visitor::of(store.clone())?;
    old.asks(add(1)).await;
    let mut new = old.at_another_server(store.clone());
    new.asks(|mut basket: TypedSession<next::Basket>| async move {
        basket.set_coupon("SPRING");
        basket.update_teas(|teas| *teas += 1);
        HttpResponse::Ok().finish()
    })
    .await;
    old.asks(add(1)).await;
    let seen = |basket: &next::Basket| (basket.teas, basket.coupon.clone());
    let (count, coupon) = new.sees::<next::Basket, _>(seen).await;
    leave(&mut old).await;

    let mut session = WholeSession::default();
    session.write(&whole::Basket { teas: 1, ..Default::default() });
    let mut new: NextBasket = session.read();
    new.coupon = Some("SPRING".to_owned());
    new.teas += 1;
    session.write(&new);
    let mut old: whole::Basket = session.read();
    old.teas += 1;
    session.write(&old);

    let there: NextBasket = session.read();
    let name = |coupon: Option<String>| coupon.unwrap_or_else(|| "none".to_owned());
    let coupon = Finding {
        what: "The coupon",
        expected: "SPRING".to_owned(),
        here: name(coupon),
        there: name(there.coupon),
    };
    Ok(vec![teas(3, count, there.teas), coupon])
}

/// A handler that adds teas.
fn add(count: u32) -> impl Fn(TypedSession<Basket>) -> std::future::Ready<HttpResponse> + Clone {
    move |mut basket| {
        basket.update_teas(move |teas| *teas += count);
        std::future::ready(HttpResponse::Ok().finish())
    }
}

/// Ends the session.
async fn leave(visitor: &mut Visitor) {
    visitor
        .asks(|basket: TypedSession<Basket>| async move {
            basket.session().purge();
            HttpResponse::Ok().finish()
        })
        .await;
}

async fn look(visitor: &mut Visitor) -> (Option<String>, u32) {
    visitor.sees::<Basket, _>(|basket| (basket.customer.clone(), basket.teas)).await
}

fn teas(expected: u32, here: u32, there: u32) -> Finding {
    let [expected, here, there] = [expected, here, there].map(|count| count.to_string());
    Finding { what: "Teas in the cart", expected, here, there }
}

#[cfg(test)]
mod tests {
    use actix_typed_session::store::MemoryStore;

    use super::super::Experiment;
    use super::*;

    #[actix_web::test]
    async fn the_shop_keeps_what_a_session_that_is_stored_whole_loses() {
        let memory = MemoryStore::bounded(100);
        let store = AnyStore::new(memory.clone());
        for experiment in Experiment::ALL {
            let findings = experiment.run(&store).await.unwrap_or_default();
            assert!(findings.iter().all(|finding| finding.here == finding.expected), "{findings:?}");
            assert!(findings.iter().any(|finding| finding.there != finding.expected), "{findings:?}");
        }
        assert_eq!(memory.len(), 0, "nothing is left of the experiments");
    }
}
