//! Changing the key of an application that runs on several instances, as `docs/operations.md` says.

use actix_typed_session::{Key, Keys};

use super::kit::{EMPTY, Jar, World, key};

fn new() -> Key {
    Key::try_from(b"another-key-of-32-bytes-for-test".as_slice()).unwrap()
}

/// The keys of the instances from the first step of a change to the last.
fn steps() -> [Keys; 4] {
    [key().into(), Keys::new(key(), [new()]), Keys::new(new(), [key()]), new().into()]
}

/// While a step is deployed, a visitor meets instances of before and after it by turns.
/// OWASP ASVS 5.0 11.2.2, 13.1.4.
#[actix_web::test]
async fn a_change_of_keys_signs_nobody_out_whichever_instance_is_first() {
    let world = World::new().await;
    // The last step comes when no session needs the old key any more.
    for step in 0..2 {
        for first in [0, 1] {
            let nodes =
                [world.beside(steps()[step].clone()).await, world.beside(steps()[step + 1].clone()).await];
            let browser = nodes[first].browser_after("v1,c1").await;
            for (turn, words) in ["c2", "in4", "c3", "renew", "v5", "life:60:60:1"].into_iter().enumerate() {
                let answer = browser.go_at(&nodes[(first + turn + 1) % 2], words).await;
                assert_eq!(answer.status, 200, "{step} {first} {words}");
            }
            assert_eq!(browser.state().await, r#"4 [1, 2, 3] 5 "" -"#, "{step} {first}");
            assert_eq!(browser.go_at(&nodes[1 - first], "purge").await.jar(), Jar::Removed);
        }
    }
    assert_eq!(world.store.len(), 0);
}

/// CVE-2025-47278.
#[actix_web::test]
async fn a_key_that_is_accepted_makes_nothing() {
    let [old, learning, changed, alone] = steps();
    let world = World::new().await;
    let cookie = |keys| async { world.beside(keys).await.browser_after("v1").await.cookie() };
    let named = async |keys, by: Key| cookie(keys).await.unwrap().contains(&format!("=1.{}.", by.id()));
    assert!(named(old, key()).await && named(learning, key()).await);
    assert!(named(changed, new()).await && named(alone, new()).await);
}

/// OWASP ASVS 5.0 7.4.5.
#[actix_web::test]
async fn a_key_that_is_gone_signs_its_sessions_out() {
    let world = World::new().await;
    let browser = world.browser_after("v1,in4").await;
    let alone = world.beside(new()).await;
    assert_eq!(browser.go_at(&alone, "").await.body, EMPTY);
    // Not even the store is asked.
    assert_eq!(world.store.asked(), "");
    assert_eq!(browser.state().await, r#"4 [] 1 "" -"#);
}

/// A double click while the keys are changed. The verifier after a sign-in depends on the active key.
/// OWASP ASVS 5.0 11.2.2.
#[actix_web::test]
async fn a_sign_in_joins_one_of_an_instance_with_another_active_key() {
    let world = World::new().await;
    let [_, learning, changed, _] = steps();
    let nodes = [world.beside(learning).await, world.beside(changed).await];
    for first in [0, 1] {
        let one = nodes[first].browser_after("c1").await;
        let other = one.clone();
        assert_eq!(one.go("in4,c2").await.jar(), Jar::Set);
        assert_eq!(other.go_at(&nodes[1 - first], "in4,c3").await.jar(), Jar::Set);
        assert_eq!(one.state().await, r#"4 [1, 2, 3] 0 "" -"#);
        assert_eq!(other.state().await, one.state().await);
        assert_eq!(world.store.len(), 1);
        other.go("purge").await;
    }
}
