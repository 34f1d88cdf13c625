//! Visits to the shop.

use crate::{browser::Browser, program::Program};

const COOKIE: &str = "insecure-sid";
const SIGN_IN: &[(&str, &str)] = &[("name", "Ada <script>"), ("password", "oolong")];

#[test]
fn a_visit() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Program::start(folder.path(), &["--store", "memory:"], None);
    let mut browser = Browser::at(shop.address());

    // Looking around does not begin a session.
    let page = browser.home();
    assert!(page.contains("Darjeeling") && page.contains("There is none yet"), "{page}");
    assert!(browser.cookies.is_empty());
    assert_eq!(browser.get("/style.css").headers["content-type"], "text/css; charset=utf-8");

    // The cart, and a notice that is shown once.
    let page = browser.submit("/cart/add", &[("sku", "11")]);
    assert!(page.contains("role=\"status\">Sencha is in your cart.<"), "{page}");
    assert!(!browser.home().contains("Sencha is in your cart."));
    browser.submit("/cart/add", &[("sku", "11")]);
    let page = browser.submit("/cart/add", &[("sku", "14")]);
    assert!(page.contains("<span class=\"count\">3</span>") && page.contains("€ 21.60"), "{page}");
    let page = browser.submit("/cart/quantity", &[("sku", "11"), ("quantity", "5")]);
    assert!(page.contains("€ 40.80"), "{page}");
    let page = browser.submit("/cart/quantity", &[("sku", "14"), ("quantity", "1"), ("remove", "yes")]);
    assert!(page.contains("<strong>€ 32.00</strong>"), "{page}");
    assert_eq!(browser.post("/cart/add", &[("sku", "1")]).status, 404);

    // The theme takes effect.
    assert!(page.contains("<html lang=\"en\" data-theme=\"light\">"), "{page}");
    let page = browser.submit("/theme", &[]);
    assert!(page.contains("<html lang=\"en\" data-theme=\"dark\">"), "{page}");

    // Only a signed-in visitor can order.
    assert!(browser.submit("/order", &[]).contains("Sign in before you order."));

    // A sign-in replaces the cookie and keeps the cart. The old cookie is dead.
    let mut before = browser.copy();
    let page = browser.submit("/sign-in", &[("name", "Ada"), ("password", "sencha")]);
    assert!(page.contains("That is not the password"), "{page}");
    assert_eq!(browser.cookies, before.cookies);
    let page = browser.submit("/sign-in", SIGN_IN);
    assert!(page.contains("Welcome, Ada &lt;script&gt;.") && !page.contains("<script"), "{page}");
    assert!(page.contains("<strong>€ 32.00</strong>"), "{page}");
    assert_ne!(browser.cookies[COOKIE], before.cookies[COOKIE]);
    let page = before.home();
    assert!(page.contains("There is none yet") && !page.contains("Ada"), "{page}");
    assert_eq!(before.post("/cart/add", &[("sku", "11")]).status, 409);

    let page = browser.submit("/order", &[]);
    assert!(page.contains("Tea for € 32.00 is on its way") && page.contains("Nothing yet."), "{page}");
    assert!(browser.submit("/order", &[]).contains("<td><code>1</code></td>"), "an empty cart is no order");

    // After the sign-out, the cookie of the old session is dead. The chosen theme is kept.
    let mut signed_in = browser.copy();
    let page = browser.submit("/sign-out", &[]);
    assert!(page.contains("You are signed out.") && page.contains("data-theme=\"dark\""), "{page}");
    assert!(!page.contains("Hello, Ada"), "{page}");
    let page = signed_in.home();
    assert!(page.contains("There is none yet") && !page.contains("Ada"), "{page}");

    assert_eq!(shop.stop("-INT"), "bye\n");
}

#[test]
fn two_clicks_at_once_are_two_cups() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Program::start(folder.path(), &[], None);
    let mut browser = Browser::at(shop.address());
    browser.submit("/cart/add", &[("sku", "16")]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let mut other = browser.copy();
            scope.spawn(move || assert_eq!(other.post("/cart/add", &[("sku", "16")]).status, 303));
        }
    });
    let page = browser.home();
    assert!(page.contains("<span class=\"count\">9</span>"), "{page}");
    shop.stop("-TERM");
}

#[test]
fn sessions_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Program::start(folder.path(), &[], None);
    assert_eq!(&shop.said[..2], ["sessions: the SQLite file shop.db", "key: made, and kept in shop.key"]);
    let mut browser = Browser::at(shop.address());
    browser.submit("/cart/add", &[("sku", "12")]);
    browser.submit("/sign-in", SIGN_IN);
    assert_eq!(shop.stop("-TERM"), "bye\n");

    let shop = Program::start(folder.path(), &["--store", "sqlite:shop.db"], None);
    assert_eq!(shop.said[1], "key: read from shop.key");
    browser.moved_to(shop.address());
    let page = browser.home();
    assert!(page.contains("Hello, Ada") && page.contains("<strong>€ 7.90</strong>"), "{page}");
    shop.stop("-TERM");

    // With another key the cookie is invalid, and the record is not looked up.
    let key = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=";
    let shop = Program::start(folder.path(), &[], Some(key));
    assert_eq!(shop.said[1], "key: from SESSION_KEY");
    browser.moved_to(shop.address());
    assert!(browser.home().contains("There is none yet"));
}

#[test]
#[cfg(unix)]
fn the_key_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let _shop = Program::start(folder.path(), &[], None);
    let mode = std::fs::metadata(folder.path().join("shop.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
