//! Encrypted, and only to the right server.

use actix_typed_session::store::mysql::OpenError;

use super::*;

#[tokio::test]
async fn a_url_may_ask_for_encryption_and_for_the_right_server() {
    let Some(plain) = shared_mariadb().await else { return };
    // A store that asks for encryption gets it, or fails.
    let url = plain.url(&plain.database().await);
    let refused = MySqlStore::open(&format!("{url}?ssl-mode=required")).await;
    assert!(matches!(refused, Err(OpenError::Unreachable(_))));

    let Some(server) = MariaDb::encrypted().await else { return };
    let database = server.database().await;
    let url = server.url(&database);
    // The certificate is not signed by an authority that the operating system trusts.
    let refused = MySqlStore::open(&format!("{url}?ssl-mode=verify_identity")).await;
    assert!(matches!(refused, Err(OpenError::Unreachable(_))));
    let certificate = server.certificate();
    let verified = format!("?ssl-mode=verify_identity&ssl-ca={}", certificate.display());
    // Without a word about it, a connection is encrypted if the server can do so.
    for mode in ["", "?ssl-mode=required", &verified] {
        let store = open(&format!("{url}{mode}")).await;
        store.create(&SELECTOR, &new_record()).await.unwrap();
        count(&store, &SELECTOR).await.unwrap();
        store.delete(&SELECTOR, None).await.unwrap();
        // An account that may only connect with TLS.
        let (user, as_user) = ("'tls'@'127.0.0.1'", url.replace("root@", "tls@"));
        let grant = format!("CREATE OR REPLACE USER {user} REQUIRE SSL; GRANT ALL ON {database}.* TO {user}");
        server.execute(&database, &grant).await;
        open(&format!("{as_user}{mode}")).await.load(&SELECTOR).await.unwrap();
    }
    // The same server under a name that its certificate does not have.
    let other = url.replace("127.0.0.1", "localhost");
    let refused = MySqlStore::open(&format!("{other}{verified}")).await;
    assert!(matches!(refused, Err(OpenError::Unreachable(_))));
}
