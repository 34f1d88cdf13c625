//! The page "Your devices", on two shop processes that share a store.

use crate::{
    browser::Browser,
    program::Program,
    servers::{shared_cluster, shared_mariadb, shared_postgres, shared_redis, shared_replicated},
};

const SIGN_IN: &[(&str, &str)] = &[("name", "Ada"), ("password", "oolong")];
const KEY: &str = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=";

/// Signs in on both shops, and lists and ends sessions from either of them.
fn list_and_end(store: &str) {
    let folder = tempfile::tempdir().unwrap();
    let shops = [(); 2].map(|()| Program::start(folder.path(), &["--store", store], Some(KEY)));
    let mut phone = Browser::at(shops[0].address()).called("Phone <b>");
    let mut laptop = Browser::at(shops[1].address()).called("Laptop");
    let mut tablet = Browser::at(shops[1].address()).called("Tablet");
    assert!(phone.page("/devices").contains("Nobody is signed in."));
    assert!(phone.cookies.is_empty());
    for browser in [&mut phone, &mut laptop, &mut tablet] {
        browser.submit("/cart/add", &[("sku", "11")]);
        assert!(browser.submit("/sign-in", SIGN_IN).contains("href=\"/devices\""));
    }

    let page = phone.page("/devices");
    let names = ["Phone &lt;b&gt;", "Laptop", "Tablet"];
    let places =
        names.map(|name| page.find(&format!("class=\"name\">{name}<")).unwrap_or_else(|| panic!("{page}")));
    assert!(places.is_sorted(), "who signed in first comes first: {page}");
    assert_eq!(page.matches("This browser").count(), 1, "{page}");
    let ids: Vec<_> =
        page.split("name=\"id\" value=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(ids.len(), 2, "{page}");
    // The public id that the page shows cannot open the session.
    let mut thief = Browser::at(shops[0].address());
    for value in [ids[0].to_owned(), format!("1.{}", ids[0]), format!("1.{0}.{0}{0}.{0}", ids[0])] {
        thief.cookies.insert("insecure-sid".into(), value);
        assert!(thief.home().contains("There is none yet"));
    }

    let page = phone.submit("/devices/end", &[("id", ids[0])]);
    assert!(!page.contains(">Laptop<") && page.contains(">Tablet<"), "{page}");
    assert!(laptop.home().contains("There is none yet"));
    assert!(tablet.home().contains("Hello, Ada"));
    // The first form is from a page that is out of date, and the second is malformed. Both are ignored.
    phone.submit("/devices/end", &[("id", ids[0])]);
    phone.submit("/devices/end", &[("id", "nonsense")]);

    laptop.submit("/sign-in", SIGN_IN);
    let page = laptop.submit("/devices/end-others", &[]);
    assert!(page.contains("Signed out on 2 other devices."), "{page}");
    for browser in [&mut phone, &mut tablet] {
        assert!(browser.home().contains("There is none yet"));
    }

    phone.submit("/sign-in", SIGN_IN);
    let page = phone.submit("/devices/end-all", &[]);
    assert!(page.contains("You are signed out everywhere, on 2 devices."), "{page}");
    assert!(laptop.home().contains("There is none yet"));
    assert!(!phone.home().contains("Hello, Ada"));
}

#[test]
fn on_sqlite() {
    list_and_end("sqlite:shop.db");
}

#[tokio::test]
async fn on_redis() {
    let Some(server) = shared_redis().await else { return };
    list_and_end(&server.url());
}

#[tokio::test]
async fn on_redis_behind_sentinels() {
    let Some(servers) = shared_replicated().await else { return };
    list_and_end(&servers.url());
}

#[tokio::test]
async fn on_a_redis_cluster() {
    let Some(cluster) = shared_cluster().await else { return };
    list_and_end(&cluster.url());
}

#[tokio::test]
async fn on_postgres() {
    let Some(server) = shared_postgres().await else { return };
    list_and_end(&server.url(&server.database().await));
}

#[tokio::test]
async fn on_mariadb() {
    let Some(server) = shared_mariadb().await else { return };
    list_and_end(&server.url(&server.database().await));
}
