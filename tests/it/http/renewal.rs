//! One session has one live id, and the browser always ends up with that one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_typed_session::{
    Key, Session, SessionMiddleware, SessionState, TypedSession,
    record::Timestamp,
    store::{ManualClock, MemoryStore},
};
use actix_web::{
    App,
    http::header::{COOKIE, SET_COOKIE},
    test::{TestRequest, call_service, init_service, read_body},
    web,
};
use tokio::task::JoinSet;

use super::{Place, client::Jar, on_every_store, signed_in, until};

on_every_store! {
    one_of_three_concurrent_renewals_wins_in_every_order_of_arrival
    a_write_that_overlaps_a_renewal_is_kept
    a_planted_cookie_is_nobodys_as_soon_as_its_visitor_has_signed_in
}

/// Every order of three answers.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// OWASP ASVS 5.0 7.2.4; express-session #923; actix-session 0.11.
async fn one_of_three_concurrent_renewals_wins_in_every_order_of_arrival(place: Place) {
    let nodes = [place.node(), place.node()];
    for round in 0..5 {
        let client = signed_in(&nodes[0]).await;
        let gate = format!("renewal-{round}");
        let mut renewals = JoinSet::new();
        for node in [0, 1, 1] {
            let (mut tab, path) = (nodes[node].client_as(&client), format!("/slow/{gate}/renew"));
            renewals.spawn(async move { tab.ask(&path).await.unwrap() });
        }
        nodes[0].until_waiting_at(&gate, 1).await;
        nodes[1].until_waiting_at(&gate, 2).await;
        nodes[0].open(&gate).await;
        nodes[1].open(&gate).await;
        let replies = renewals.join_all().await;
        assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");

        let mut ids: Vec<Jar> = vec![client.jar.clone()];
        for line in replies.iter().flat_map(|reply| &reply.set_cookies) {
            let mut jar = Jar::default();
            jar.take(line);
            ids.push(jar);
        }
        let mut live = 0;
        for jar in ids {
            let mut browser = nodes[0].client();
            browser.jar = jar;
            live += usize::from(browser.read().await.user == Some(7));
        }
        assert_eq!(live, 1);
        for order in ORDERS {
            let mut browser = nodes[1].client_as(&client);
            for line in order.iter().flat_map(|arrived| &replies[*arrived].set_cookies) {
                browser.jar.take(line);
            }
            assert_eq!(browser.read().await.user, Some(7), "{order:?} of {replies:?}");
            assert_eq!(browser.ask("/set/0/1").await.unwrap().status, 200);
        }
    }
    assert_eq!(place.sessions().await, 5);
}

/// A request that loaded before the renewal still finds the session. Its write is kept, and the new cookie stays.
/// OWASP cheat sheet: renewal timeout.
async fn a_write_that_overlaps_a_renewal_is_kept(place: Place) {
    let nodes = [place.node(), place.node()];
    let mut client = signed_in(&nodes[0]).await;
    let mut writers = JoinSet::new();
    for what in ["set", "add"] {
        let mut tab = nodes[1].client_as(&client);
        writers.spawn(async move { tab.ask(&format!("/slow/write/{what}")).await.unwrap() });
    }
    nodes[1].until_waiting_at("write", 2).await;
    client.ok("/renew").await;
    nodes[1].open("write").await;
    for reply in writers.join_all().await {
        assert_eq!((reply.status, reply.set_cookies), (200, vec![]));
    }
    let state = client.read().await;
    assert_eq!((state.user, state.count, state.slots[0]), (Some(7), 1, Some(1)));
}

/// Whoever planted the cookie asks with it at both servers, again and again, while the visitor signs in.
/// OWASP ASVS 5.0 7.2.4; CVE-2020-5205.
async fn a_planted_cookie_is_nobodys_as_soon_as_its_visitor_has_signed_in(place: Place) {
    const READERS: usize = 50;
    let nodes = [place.node(), place.node()];
    let mut visitor = nodes[0].client();
    visitor.ok("/set/0/1").await;
    let planted = visitor.twin();
    let (reading, has_signed_in) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        let mut tab = nodes[reader % 2].client_as(&planted);
        let (reading, has_signed_in) = (reading.clone(), has_signed_in.clone());
        readers.spawn(async move {
            for round in 0.. {
                let is_late = has_signed_in.load(Ordering::SeqCst);
                let state = tab.read().await;
                assert_eq!(state.user, None);
                if is_late {
                    assert_eq!(state.slots[0], None);
                    return;
                }
                reading.fetch_add(usize::from(round == 0), Ordering::SeqCst);
            }
        });
    }
    until("all read", async || reading.load(Ordering::SeqCst) == READERS).await;
    visitor.ok("/in/7").await;
    has_signed_in.store(true, Ordering::SeqCst);
    readers.join_all().await;
    for node in &nodes {
        assert_eq!(node.client_as(&planted).ask("/set/0/2").await.unwrap().status, 409);
        let state = node.client_as(&visitor).read().await;
        assert_eq!((state.user, state.slots[0]), (Some(7), Some(1)));
    }
}

#[derive(SessionState)]
#[session(name = "page", version = 1, lock = off)]
struct Page {
    #[session(principal)]
    user: Option<u64>,
    #[session(default)]
    hits: u32,
}

fn routes(config: &mut web::ServiceConfig) {
    let sign_in = async |mut page: TypedSession<Page>| {
        page.set_user(7);
        ""
    };
    let renew = async |session: Session| {
        session.renew();
        ""
    };
    let hit = async |mut page: TypedSession<Page>| {
        page.update_hits(|hits| *hits += 1);
        ""
    };
    let read = async |page: TypedSession<Page>| format!("{:?} {}", page.user, page.hits);
    config.route("/in", web::get().to(sign_in)).route("/renew", web::get().to(renew));
    config.route("/hit", web::get().to(hit)).route("/read", web::get().to(read));
}

/// Two servers in this process, so that the test can set their clock.
#[actix_web::test]
async fn a_superseded_cookie_reads_and_writes_nothing_while_its_successor_is_on_the_way() {
    let clock = ManualClock::at(Timestamp::from_millis(1_000_000));
    let store = MemoryStore::unbounded().with_clock(clock.clone());
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let key = Key::try_from(b"0123456789abcdef0123456789abcdef".as_slice()).unwrap();
        let sessions = SessionMiddleware::new(store.clone(), key);
        nodes.push(init_service(App::new().wrap(sessions).configure(routes)).await);
    }
    let get = async |node: usize, path: &str, cookie: Option<&String>| {
        let mut request = TestRequest::get().uri(path);
        if let Some(cookie) = cookie {
            request = request.insert_header((COOKIE, cookie.as_str()));
        }
        let response = call_service(&nodes[node], request.to_request()).await;
        let status = response.status().as_u16();
        let set_cookie = response.headers().get(SET_COOKIE).map(|line| line.to_str().unwrap());
        let set_cookie = set_cookie.map(|line| line.split(';').next().unwrap().to_owned());
        (status, set_cookie, String::from_utf8(read_body(response).await.to_vec()).unwrap())
    };
    let first = get(0, "/in", None).await.1;
    let second = get(0, "/renew", first.as_ref()).await.1;
    let third = get(1, "/renew", second.as_ref()).await.1;
    assert!(first.is_some() && second.is_some() && third.is_some());
    for node in 0..2 {
        for stale in [&first, &second] {
            assert_eq!(get(node, "/read", stale.as_ref()).await, (200, None, "None 0".into()));
            assert_eq!(get(node, "/renew", stale.as_ref()).await, (200, None, String::new()));
            let (status, set_cookie, _) = get(node, "/hit", stale.as_ref()).await;
            assert_eq!((status, set_cookie), (409, None));
        }
        assert_eq!(get(node, "/hit", third.as_ref()).await, (200, None, String::new()));
    }
    assert_eq!(get(0, "/read", third.as_ref()).await.2, "Some(7) 2");

    clock.advance(Duration::from_millis(59_999));
    assert_eq!(get(1, "/hit", second.as_ref()).await.0, 409);
    assert_eq!(store.len(), 1);
    // A browser that has not received the new cookie by now has lost it, and begins a new session.
    clock.advance(Duration::from_millis(1));
    let (status, begun, _) = get(1, "/hit", second.as_ref()).await;
    assert_eq!((status, store.len()), (200, 2));
    assert_eq!(get(0, "/read", begun.as_ref()).await.2, "None 1");
    assert_eq!(get(0, "/read", third.as_ref()).await.2, "Some(7) 2");
}
