//! The lifetime of a session, of its cookie, and the headers for caches. Tests set the clock.
#![allow(clippy::unchecked_time_subtraction)] // the operands are constants, the larger one first

use std::time::Duration;

use super::{
    kit::{EMPTY, Jar, World},
    script::Fault,
};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const MILLI: Duration = Duration::from_millis(1);

/// OWASP ASVS 5.0 7.2.1, 7.3.1; CVE-2024-35220.
#[actix_web::test]
async fn an_idle_session_ends_at_the_idle_timeout() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    world.clock.advance(30 * MINUTE - MILLI);
    assert_eq!(browser.clone().go("left").await.body, r#"Some(1800) | - [] 1 "" -"#);
    // The visit counts as activity.
    world.clock.advance(30 * MINUTE - MILLI);
    assert_eq!(browser.clone().go("").await.body, r#"- [] 1 "" -"#);
    world.clock.advance(30 * MINUTE);
    let answer = browser.go("is").await;
    assert_eq!((answer.body, answer.status), (format!("00 | {EMPTY}"), 200));
}

/// OWASP ASVS 5.0 7.1.1.
#[actix_web::test]
async fn the_timeouts_are_those_that_were_configured() {
    let world = World::with(|builder| builder.idle_timeout(5 * MINUTE).absolute_timeout(12 * MINUTE)).await;
    let browser = world.browser_after("v1").await;
    for _ in 0..3 {
        world.clock.advance(4 * MINUTE - MILLI);
        assert_eq!(browser.go("is").await.body, r#"10 | - [] 1 "" -"#);
    }
    world.clock.advance(3 * MILLI);
    assert_eq!(browser.go("is").await.body, format!("00 | {EMPTY}"));
}

/// The limits that NIST SP 800-63B (revision 3) has for AAL1, AAL2 and AAL3.
/// OWASP ASVS 5.0 7.3.1, 7.3.2; ASVS 4.0 3.3.2.
#[actix_web::test]
async fn activity_of_any_kind_counts_and_none_passes_the_absolute_timeout() {
    let month = 30 * 24 * HOUR;
    for (idle, absolute) in [(month, month), (30 * MINUTE, 12 * HOUR), (15 * MINUTE, 12 * HOUR)] {
        for words in ["", "v1", "c1", "renew"] {
            let what = format!("{idle:?} {absolute:?} {words}");
            let world = World::with(|builder| builder.idle_timeout(idle).absolute_timeout(absolute)).await;
            let browser = world.browser_after("in4").await;
            let (step, mut passed) = (idle * 2 / 5, Duration::ZERO);
            while passed + step < absolute {
                world.clock.advance(step);
                passed += step;
                assert!(browser.go(words).await.body.starts_with("4 "), "{what} after {passed:?}");
            }
            world.clock.advance(absolute - passed);
            assert_eq!(browser.state().await, EMPTY, "{what}");
            let silent = world.browser_after("in4").await;
            world.clock.advance(idle * 11 / 10);
            assert_eq!(silent.state().await, EMPTY, "{what}");
        }
    }
}

/// OWASP ASVS 5.0 7.1.1.
#[actix_web::test]
async fn the_default_timeouts_are_those_that_the_documentation_names() {
    for page in [include_str!("../../../docs/defaults.md"), include_str!("../../../docs/security.md")] {
        assert!(page.contains("30 minutes") && page.contains("12 hours"));
    }
    let world = World::new().await;
    let browser = world.browser();
    assert!(browser.go("in4,left").await.body.starts_with("Some(1800)"), "30 minutes");
    for _ in 0..36 {
        world.clock.advance(20 * MINUTE - MILLI);
        assert!(browser.go("").await.body.starts_with('4'));
    }
    world.clock.advance(36 * MILLI);
    assert_eq!(browser.state().await, EMPTY, "12 hours");
}

/// OWASP ASVS 5.0 7.3.2; NIST SP 800-63B 7.2.
#[actix_web::test]
async fn renewing_does_not_extend_the_absolute_limit_and_signing_in_does() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    let stay = async |hours: u32| {
        for _ in 0..hours * 3 {
            world.clock.advance(20 * MINUTE);
            assert_eq!(browser.go("is,renew").await.body, r#"10 | - [] 1 "" -"#);
        }
    };
    stay(11).await;
    world.clock.advance(29 * MINUTE);
    assert_eq!(browser.go("renew").await.jar(), Jar::Set);
    world.clock.advance(29 * MINUTE);
    assert_eq!(browser.go("left").await.body, r#"Some(120) | - [] 1 "" -"#, "of 12 hours 2 minutes are left");
    assert_eq!(browser.go("in4").await.jar(), Jar::Set);
    world.clock.advance(2 * MINUTE);
    assert_eq!(browser.go("is").await.body, r#"10 | 4 [] 1 "" -"#, "12 hours from the sign-in");
    for _ in 0..10 {
        world.clock.advance(25 * MINUTE);
        browser.go("").await;
    }
    assert_eq!(browser.go("in4").await.jar(), Jar::Set, "proving it again");
    for _ in 0..24 {
        world.clock.advance(29 * MINUTE);
        assert_eq!(browser.go("is").await.body, r#"10 | 4 [] 1 "" -"#);
    }
    world.clock.advance(25 * MINUTE);
    assert_eq!(browser.go("is").await.body, format!("00 | {EMPTY}"));
}

#[actix_web::test]
async fn remember_me_outlives_the_browser_and_later_renewals() {
    let world = World::new().await;
    let browser = world.browser();
    let (week, month) = (7 * 24 * HOUR, 30 * 24 * HOUR);
    let line = format!("in4,life:{}:{}:1", week.as_secs(), month.as_secs());
    let answer = browser.go(&line).await;
    assert!(
        answer.set_cookie().unwrap().ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=2592000")
    );
    assert!(world.store.last_created().persistent);
    world.clock.advance(week - MILLI);
    assert_eq!(browser.go("").await.body, r#"4 [] 0 "" -"#);
    let answer = browser.go("renew").await;
    assert!(answer.set_cookie().unwrap().contains("; Max-Age=2592000"), "{answer:?}");
    world.clock.advance(week - MILLI);
    let answer = browser.go("c1").await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Kept), "never merely refreshed");
    // Back to a session that ends with the browser.
    let answer = browser.go("in4,life:600:1200:0").await;
    assert_eq!(answer.jar(), Jar::Set);
    assert!(!answer.set_cookie().unwrap().contains("Max-Age"));
    assert!(browser.go("left").await.body.starts_with("Some(600)"));
}

/// NIST SP 800-63B 7.1.
#[actix_web::test]
async fn a_session_ends_with_the_browser_unless_configured_otherwise() {
    let world = World::new().await;
    let answer = world.browser().go("v1").await;
    let line = answer.set_cookie().unwrap();
    assert!(line.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{line}");
    let world = World::with(|builder| builder.persistent_cookie().absolute_timeout(2 * HOUR)).await;
    let answer = world.browser().go("v1").await;
    assert!(answer.set_cookie().unwrap().ends_with("; Max-Age=7200"));
}

#[actix_web::test]
async fn the_properties_of_a_session() {
    let world = World::new().await;
    let browser = world.browser();
    let answer = browser.go("is,id,left,born,who,v1,is,id,who").await;
    assert_eq!(answer.body, r#"00 | none | None | None | nobody | 01 | none | nobody | - [] 1 "" -"#);
    let answer = browser.go("is,id,left,born,in4,is,who,renew,purge,is,id,born,left,who,v2,is").await;
    let said: Vec<&str> = answer.body.split(" | ").collect();
    assert_eq!((said[0], said[1].len()), ("10", 22));
    assert_eq!(said[2..5], ["Some(1800)", "Some(1000000)", "10"]);
    assert!(said[5].ends_with('4'));
    assert_eq!(said[6..12], ["00", "none", "None", "None", "nobody", "01"]);
}

#[actix_web::test]
async fn the_public_id_stays_while_ids_change() {
    let world = World::new().await;
    let browser = world.browser();
    let first = browser.go("v1,save,id").await.body;
    let id = first.split(" | ").nth(1).unwrap().to_owned();
    assert_eq!(id.len(), 22);
    for words in ["id", "renew,id", "id", "in4,id", "id", "in4,save,id", "life:600:600:1,id"] {
        let body = browser.go(words).await.body;
        assert!(body.contains(&id), "{words}: {body}");
    }
    // Also where another user takes over: what lists and logs say of them tells the two apart.
    let body = browser.go("in5,save,id").await.body;
    assert!(body.contains(&id), "{body}");
    let body = browser.go("purge,v1,save,id").await.body;
    assert!(!body.contains(&id), "another session: {body}");
}

#[actix_web::test]
async fn headers_for_caches() {
    let world = World::new().await;
    let browser = world.browser();
    let plain = browser.get("/none").await;
    assert_eq!((plain.header("vary"), plain.header("cache-control")), (None, None));
    let read = browser.go("").await;
    assert_eq!((read.header("vary"), read.header("cache-control")), (Some("Cookie"), None));
    for words in ["v1", "renew", "in4", "renew,err", "in5", "purge"] {
        let set = browser.go(words).await;
        assert_ne!(set.jar(), Jar::Kept);
        assert_eq!(
            (set.header("vary"), set.header("cache-control")),
            (Some("Cookie"), Some("no-store")),
            "{words}"
        );
        browser.go("v1").await;
    }
    world.store.at("update", 1, Fault::Fails(actix_typed_session::store::StoreErrorKind::Full));
    let failed = browser.go("v2").await;
    assert_eq!((failed.status, failed.header("vary")), (503, Some("Cookie")));
    let plain = browser.get("/none").await;
    assert_eq!((plain.header("vary"), plain.header("cache-control")), (None, None));
}

/// OWASP ASVS 5.0 1.5.2; OWASP cheat sheet: denial of service; RUSTSEC-2024-0363.
#[actix_web::test]
async fn a_session_has_a_maximum_size() {
    let world = World::with(|builder| builder.max_record_bytes(200)).await;
    let long = "x".repeat(250);
    let answer = world.browser().go(&format!("d:{long}")).await;
    assert_eq!(
        (answer.status, answer.jar(), answer.body.as_str()),
        (500, Jar::Kept, "Internal Server Error")
    );
    assert_eq!(world.store.asked(), "");
    let browser = world.browser_after("v1,d:abc").await;
    for words in [
        format!("d:{long}"),
        format!("d:{long},renew"),
        format!("n:{long},in4"),
        format!("d:{long},save,fail"),
    ] {
        let answer = browser.go(&words).await;
        assert_eq!((answer.status, answer.jar()), (500, Jar::Kept), "{words}");
        assert_eq!(world.store.asked(), "load");
    }
    assert_eq!(browser.state().await, r#"- [] 1 "abc" -"#);
    // The size of the result counts, not the sum of all writes.
    for _ in 0..20 {
        assert_eq!(browser.go(&format!("d:{}", "y".repeat(100))).await.status, 200);
        assert_eq!(browser.go("d:z").await.status, 200);
    }
}

/// express-session #935.
#[actix_web::test]
async fn nothing_is_sent_if_every_write_equals_the_loaded_value() {
    let world = World::new().await;
    let browser = world.browser_after("v1,c1,d:a,n:x").await;
    for words in ["v1", "v1,d:a", "v1,d:a,n:x", "up0", "out", "out,v1"] {
        let answer = browser.go(words).await;
        assert_eq!((answer.status, answer.jar()), (200, Jar::Kept));
        assert_eq!(world.store.asked(), "load", "{words}");
    }
    for words in ["v1,d:b", "v2,v1", "v1,t", "v1,c2"] {
        let browser = world.browser_after("v1,c1,d:a,n:x").await;
        browser.go(words).await;
        assert!(!world.store.last_change().write.is_empty(), "{words}");
        assert_eq!(world.store.asked(), "load update", "{words}");
    }
    // If one write differs, all writes are sent.
    browser.go("v1,d:b").await;
    assert_eq!(world.store.last_change().write.len(), 2);
    world.store.asked();
    // Setting a field to its default stores it: an absent cell is never equal to a value.
    let bare = world.browser_after("c1").await;
    bare.go("v0").await;
    assert_eq!(world.store.asked(), "load update");
    bare.go("v0").await;
    assert_eq!(world.store.asked(), "load");
}

#[actix_web::test]
async fn equal_writes_are_sent_when_signing_in_or_renewing_or_after_a_save() {
    for (words, asked, written) in [
        ("v1,in4", "load renew", 2),
        ("v1,renew", "load renew", 1),
        ("v1,life:60:60:0", "load renew", 1),
        ("v2,save,v1", "load update update", 1),
    ] {
        let world = World::new().await;
        let browser = world.browser_after("v1,c1").await;
        browser.go(words).await;
        assert_eq!(world.store.last_change().write.len(), written, "{words}");
        assert_eq!(world.store.asked(), asked, "{words}");
        assert!(browser.state().await.contains("[1] 1"), "{words}");
    }
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    browser.go("c1,save,v1").await;
    assert_eq!(
        world.store.asked(),
        "load update update",
        "equal to what was loaded, and still sent after a save"
    );
}

/// OWASP cheat sheet: sessions of before the sign-in.
#[actix_web::test]
async fn fields_that_a_sign_in_resets() {
    let world = World::new().await;
    // The field is set before the sign-in, in the same request, or after it.
    for (words, seen) in
        [("in4", ""), ("d:same,in4", ""), ("in4,d:after", "after"), ("d:same,in4,d:after", "after")]
    {
        let browser = world.browser_after("d:before,c1").await;
        assert_eq!(browser.go(words).await.body, format!(r#"4 [1] 0 "{seen}" -"#), "{words}");
        assert_eq!(browser.state().await, format!(r#"4 [1] 0 "{seen}" -"#), "{words}");
        assert_eq!(browser.go("in4").await.status, 200);
        assert_eq!(browser.state().await, format!(r#"4 [1] 0 "{seen}" -"#), "the same user again: {words}");
    }
    let browser = world.browser();
    browser.go("d:same,in4").await;
    assert_eq!(browser.state().await, r#"4 [] 0 "" -"#, "also where the session begins with the sign-in");
}

#[actix_web::test]
async fn the_error_of_a_closure_says_what_is_wrong_with_which_field_and_where() {
    let world = World::new().await;
    for (words, what, why) in [
        ("crash,why", "the session field `shop.cart`, updated by ", "panicked"),
        ("usurp,why", "the session state `shop`, updated by ", "call the setter of that field instead"),
    ] {
        let answer = world.browser().go(words).await;
        let (start, rest) = answer.body.split_once("words.rs:").unwrap();
        assert!(start.starts_with(what) && rest.contains(why), "{words}: {answer:?}");
    }
}

#[actix_web::test]
async fn a_closure_that_panics_is_a_500_and_writes_nothing() {
    let world = World::new().await;
    let browser = world.browser_after("v1,c1").await;
    for words in ["crash", "v2,crash", "crash,v2,c2", "crash,saveq", "crash,savex", "in4,crash"] {
        let answer = browser.go(words).await;
        assert_eq!(
            (answer.status, answer.jar(), answer.body.as_str()),
            (500, Jar::Kept, "Internal Server Error"),
            "{words}"
        );
        assert_eq!(world.store.asked(), "load", "{words}");
        assert_eq!(browser.state().await, r#"- [1] 1 "" -"#);
    }
    assert_eq!(browser.go("crash,discard,v3").await.status, 200);
    assert_eq!(browser.state().await, r#"- [1] 3 "" -"#);
}

/// OWASP ASVS 5.0 7.1.1.
#[actix_web::test]
async fn a_sign_in_starts_from_the_limits_of_the_builder() {
    for grants in ["life:86400:2592000:1", "v2,life:86400:2592000:1"] {
        let world = World::new().await;
        let browser = world.browser_after("v1").await;
        browser.go(grants).await;
        let answer = browser.go("in4,left").await;
        assert_eq!(answer.body.split(' ').next(), Some("Some(1800)"), "{grants}");
        assert!(!answer.set_cookie().unwrap().contains("Max-Age"), "{answer:?}");
        world.clock.advance(30 * MINUTE);
        assert_eq!(browser.state().await, EMPTY, "nobody asked to be remembered: {grants}");
    }
}

#[actix_web::test]
async fn a_lifetime_is_kept_on_either_side_of_the_sign_in() {
    for begun in ["v1", "v1,in4"] {
        for words in [
            "life:7200:14400:1,in5",
            "in5,life:7200:14400:1",
            "life:7200:14400:1,in5,left",
            "v2,life:7200:14400:1,saveq,in5",
            "purge,life:7200:14400:1,in5",
            "life:7200:14400:1,purge,in5",
            "purge,in6,life:7200:14400:1,in5",
        ] {
            let world = World::new().await;
            let browser = world.browser_after(begun).await;
            let answer = browser.go(words).await;
            assert!(answer.set_cookie().unwrap().contains("Max-Age=14400"), "{begun} {words}: {answer:?}");
            world.clock.advance(2 * HOUR - MILLI);
            assert_eq!(&browser.state().await[..1], "5", "{begun} {words}");
        }
    }
}

#[actix_web::test]
async fn a_lifetime_of_zero_is_refused() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    for words in ["life:0:60:0", "life:60:0:1", "in4,life:0:0:0"] {
        assert_eq!(browser.go(words).await.status, 500, "{words}");
        assert_eq!(world.browser().go(&format!("v2,{words}")).await.jar(), Jar::Kept, "{words}");
        assert_eq!(browser.state().await, r#"- [] 1 "" -"#, "{words}");
    }
    assert_eq!(browser.go("life:0:0:0,discard,v3").await.status, 200);
}

#[actix_web::test]
async fn expires_in_shows_the_limits_that_the_request_sets() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    world.clock.advance(MINUTE);
    for (words, left) in
        [("left", "Some(1740)"), ("life:7200:14400:1,left", "Some(7200)"), ("in4,left", "Some(1800)")]
    {
        let answer = browser.clone().go(&format!("{words},discard")).await;
        assert!(answer.body.starts_with(left), "{words}: {answer:?}");
    }
    // Near the absolute limit, a sign-in begins a new one.
    let world = World::with(|builder| builder.absolute_timeout(31 * MINUTE)).await;
    let browser = world.browser_after("v1").await;
    world.clock.advance(29 * MINUTE);
    assert!(browser.clone().go("left,discard").await.body.starts_with("Some(120)"));
    assert!(browser.go("in4,left").await.body.starts_with("Some(1800)"));
    assert!(browser.go("left").await.body.starts_with("Some(1800)"));
    let begins = world.browser().go("left,v1,left").await;
    assert_eq!(begins.body, r#"None | Some(1800) | - [] 1 "" -"#);
}

/// OWASP ASVS 5.0 7.3.1.
#[actix_web::test]
async fn a_page_that_polls_does_not_keep_a_session_alive() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    for _ in 0..9 {
        world.clock.advance(3 * MINUTE + MILLI);
        world.store.asked();
        let answer = browser.go("poll,left").await;
        assert_eq!(answer.status, 200);
        assert_eq!(world.store.asked(), "load", "nothing is written");
    }
    let left = |minutes: u64| format!("Some({}) |", minutes * 60 - 1);
    assert!(browser.go("poll,left").await.body.starts_with(&left(3)));
    // It still writes what it sets, and that is no activity either.
    assert_eq!(browser.go("poll,v2").await.status, 200);
    assert!(browser.go("poll,left").await.body.starts_with(&left(3)));
    // A request that counts prolongs the session, and says so.
    assert!(browser.go("left").await.body.starts_with("Some(1800)"));
    world.clock.advance(29 * MINUTE);
    assert_eq!(browser.go("poll").await.body, r#"- [] 2 "" -"#);
    world.clock.advance(MINUTE);
    assert_eq!(browser.state().await, EMPTY);
    // What needs a new cookie prolongs it all the same.
    let browser = world.browser_after("v1").await;
    world.clock.advance(29 * MINUTE);
    assert_eq!(browser.go("poll,renew,save").await.jar(), Jar::Set);
    world.clock.advance(29 * MINUTE);
    assert_eq!(browser.go("poll").await.body, r#"- [] 1 "" -"#);
}

/// CVE-2018-1000519.
#[actix_web::test]
async fn a_request_knows_what_its_cookie_opened() {
    let world = World::new().await;
    assert_eq!(world.browser().go("came").await.body, format!("Nothing | {EMPTY}"));
    let browser = world.browser_after("v1").await;
    assert_eq!(browser.go("came,purge,came").await.body, format!("Live | Live | {EMPTY}"));
    let browser = world.browser_after("v1").await;
    let old = browser.clone();
    browser.go("in4").await;
    assert_eq!(old.go("came").await.body, format!("Superseded | {EMPTY}"));
    let gone = browser.clone();
    browser.go("out").await;
    assert_eq!(gone.go("came,v5,came").await.body, r#"Ended | Ended | - [] 5 "" -"#);
    let expired = world.browser_after("v1").await;
    world.clock.advance(30 * MINUTE);
    assert_eq!(expired.go("came").await.body, format!("Ended | {EMPTY}"));
    let (one, other) = (world.browser_after("v1").await, world.browser_after("v2").await);
    let both = format!("{}; {}", one.cookie().unwrap(), other.cookie().unwrap());
    assert_eq!(world.request("/do/came", Some(&both)).await.body, format!("Ambiguous | {EMPTY}"));
}

#[actix_web::test]
async fn anonymous_sessions_have_a_life_of_their_own() {
    let day = 24 * HOUR;
    let world = World::with(|builder| builder.anonymous_timeouts(7 * day, 30 * day)).await;
    let browser = world.browser();
    assert_eq!(browser.go("v1,left").await.body, format!(r#"Some({}) | - [] 1 "" -"#, 7 * 86_400));
    world.clock.advance(6 * day);
    assert_eq!(browser.go("is").await.body, r#"10 | - [] 1 "" -"#);
    // A sign-in begins the limits of a user.
    assert_eq!(browser.go("in4,left").await.body, r#"Some(1800) | 4 [] 1 "" -"#);
    assert_eq!(browser.go("left").await.body, r#"Some(1800) | 4 [] 1 "" -"#);
    world.clock.advance(30 * MINUTE);
    assert_eq!(browser.state().await, EMPTY);
    // So does one that begins the session; what comes after a logout is anonymous again.
    let browser = world.browser();
    assert_eq!(browser.go("in4,left").await.body, r#"Some(1800) | 4 [] 0 "" -"#);
    assert_eq!(browser.go("out,v3,left").await.body, format!(r#"Some({}) | - [] 3 "" -"#, 7 * 86_400));
    world.clock.advance(6 * day);
    assert_eq!(browser.state().await, r#"- [] 3 "" -"#);
}
