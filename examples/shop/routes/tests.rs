//! The shop in this process. `examples/tests` runs the program and visits it over HTTP.

#![allow(clippy::duration_suboptimal_units)] // docs/testing.md shows them to users of Rust 1.89, which has no `from_mins`

use std::time::Duration;

use actix_typed_session::{
    Key, SessionExt, SessionMiddleware,
    record::Timestamp,
    store::{ManualClock, MemoryStore},
    testing::{Condition, Detached, FaultyStore, TestSession},
};
use actix_web::{
    App,
    body::MessageBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    middleware::from_fn,
    test::{self, TestRequest},
};

use super::*;
use crate::{
    answers::complete,
    state::{Line, Theme},
};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// The shop, set up as in `main`.
fn shop(
    sessions: SessionMiddleware,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    App::new().wrap(sessions).wrap(from_fn(complete)).configure(all)
}

fn in_memory() -> Result<SessionMiddleware, Box<dyn std::error::Error>> {
    Ok(SessionMiddleware::new(MemoryStore::unbounded(), Key::generate()?))
}

#[actix_web::test]
async fn a_customer_orders_what_is_in_the_cart() -> Outcome {
    let sessions = in_memory()?;
    let shop = test::init_service(shop(sessions.clone())).await;
    let mut ada = TestSession::<Shop>::with(&sessions, |shop| {
        shop.set_customer("Ada");
        shop.set_cart(vec![Line { sku: 11, quantity: 5 }]);
    })
    .await?;

    let order = ada.sends(TestRequest::post().uri("/order")).to_request();
    let response = test::call_service(&shop, order).await;
    ada.receives(&response);

    let stored = ada.state().await?;
    assert!(stored.cart().is_empty());
    assert_eq!(stored.orders(), 1);
    assert_eq!(stored.customer(), Some("Ada"));
    Ok(())
}

#[actix_web::test]
async fn a_stranger_is_asked_to_sign_in() -> Outcome {
    let shop = test::init_service(shop(in_memory()?)).await;
    let response = test::call_service(&shop, TestRequest::post().uri("/order").to_request()).await;
    let shop = response.typed_session::<Shop>()?;
    let refusal = shop.refusal().map(|refusal| &*refusal.why);
    assert_eq!(refusal, Some("Sign in before you order."));
    Ok(())
}

#[actix_web::test]
async fn the_theme_is_switched() -> Outcome {
    let visit = Detached::new();
    theme(visit.state::<Shop>()?).await;
    assert_eq!(*visit.state::<Shop>()?.theme(), Theme::Dark);
    theme(visit.state::<Shop>()?).await;
    assert_eq!(*visit.state::<Shop>()?.theme(), Theme::Light);
    Ok(())
}

#[actix_web::test]
async fn a_cart_is_kept_for_half_an_hour() -> Outcome {
    let clock = ManualClock::at(Timestamp::from_millis(0));
    let store = MemoryStore::unbounded().with_clock(clock.clone());
    let sessions = SessionMiddleware::new(store, Key::generate()?);
    let ada = TestSession::<Shop>::with(&sessions, |shop| {
        shop.set_cart(vec![Line { sku: 11, quantity: 5 }]);
    })
    .await?;

    clock.advance(Duration::from_secs(29 * 60));
    assert_eq!(ada.state().await?.count(), 5);
    clock.advance(Duration::from_secs(2 * 60));
    assert_eq!(ada.state().await?.count(), 0);
    Ok(())
}

#[actix_web::test]
async fn an_outage_of_the_store_does_not_empty_the_cart() -> Outcome {
    let store = FaultyStore::over(MemoryStore::unbounded());
    let sessions = SessionMiddleware::new(store.clone(), Key::generate()?);
    let shop = test::init_service(shop(sessions.clone())).await;
    let ada = TestSession::<Shop>::with(&sessions, |shop| {
        shop.set_cart(vec![Line { sku: 11, quantity: 5 }]);
    })
    .await?;

    store.set(Condition::Down);
    let home = ada.sends(TestRequest::get().uri("/"));
    assert_eq!(test::call_service(&shop, home.to_request()).await.status(), 503);
    let style = ada.sends(TestRequest::get().uri("/style.css"));
    assert_eq!(test::call_service(&shop, style.to_request()).await.status(), 200);

    store.set(Condition::Healthy);
    assert_eq!(ada.state().await?.count(), 5);
    Ok(())
}

#[actix_web::test]
async fn forms_of_other_sites_are_refused() -> Outcome {
    let sessions = in_memory()?;
    let shop = test::init_service(shop(sessions.clone())).await;
    let ours = ("origin", "http://localhost:8080");
    let cases: [(&[(&str, &str)], u16); 8] = [
        (&[("sec-fetch-site", "cross-site")], 403),
        (&[("sec-fetch-site", "same-site")], 403),
        (&[("sec-fetch-site", "cross-site"), ours], 403),
        (&[("origin", "http://example.org")], 403),
        (&[("origin", "null")], 403),
        (&[("sec-fetch-site", "same-origin")], 303),
        (&[ours], 303),
        (&[], 303),
    ];
    for (headers, status) in cases {
        let mut form = TestRequest::post().uri("/cart/add").set_form([("sku", 11)]);
        for header in headers {
            form = form.insert_header(*header);
        }
        assert_eq!(test::call_service(&shop, form.to_request()).await.status(), status, "{headers:?}");
    }
    Ok(())
}

#[actix_web::test]
async fn only_staff_see_the_pages_for_support() -> Outcome {
    let store = AnyStore::new(MemoryStore::unbounded());
    let sessions = SessionMiddleware::new(store.clone(), Key::generate()?);
    let app =
        test::init_service(shop(sessions.clone()).service(support(store, EventsPerMinute::default()))).await;
    for (name, status) in [(None, 401), (Some("Ada"), 403), (Some(STAFF), 200)] {
        let visitor = TestSession::<Shop>::with(&sessions, |shop| {
            if let Some(name) = name {
                shop.set_customer(name);
            }
        })
        .await?;
        let request = visitor.sends(TestRequest::get().uri("/admin/schemas"));
        assert_eq!(test::call_service(&app, request.to_request()).await.status(), status, "{name:?}");
    }
    Ok(())
}
