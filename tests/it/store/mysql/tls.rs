//! Encrypted, and only to the right server.

use std::fs;

use actix_typed_session::store::mysql::OpenError;

use super::*;
use crate::store::certificates::Certificates;

/// A server that shows the certificate `name`, and asks clients for one of the authority.
async fn certified(certificates: &Certificates, name: &str) -> Option<MariaDb> {
    MariaDb::start_with(|guarded| {
        certificates.copy(name, guarded.folder());
        let file = |name| guarded.folder().join(name).to_str().unwrap().to_owned();
        vec![
            format!("--ssl-cert={}", file("server.crt")),
            format!("--ssl-key={}", file("server.key")),
            format!("--ssl-ca={}", certificates.file("ca.pem")),
        ]
    })
    .await
}

async fn refused(url: &str, why: &str) {
    let said = MySqlStore::open(url).await.unwrap_err().to_string();
    assert!(said.contains(why), "{said}");
}

#[tokio::test]
async fn a_url_may_ask_for_encryption_and_for_the_right_server() {
    let certificates = Certificates::new();
    let (Some(plain), Some(server)) = (shared_mariadb().await, certified(&certificates, "server").await)
    else {
        return;
    };
    // A store that asks for encryption gets it, or fails.
    let url = plain.url(&plain.database().await);
    refused(&format!("{url}?ssl-mode=required"), "does not support TLS").await;

    let database = server.database().await;
    let url = server.url(&database);
    refused(&format!("{url}?ssl-mode=verify_identity"), "in `ssl-ca`").await;
    // An account that may only connect with TLS.
    let (user, as_user) = ("'tls'@'127.0.0.1'", url.replace("root@", "tls@"));
    let grant = format!("CREATE USER {user} REQUIRE SSL; GRANT ALL ON {database}.* TO {user}");
    server.execute(&database, &grant).await;
    refused(&format!("{as_user}?ssl-mode=disabled"), "denied").await;
    let ca = certificates.file("ca.pem");
    // Without a word about it, a connection is encrypted if the server can do so.
    for parameters in [
        String::new(),
        "ssl-mode=required".to_owned(),
        format!("ssl-ca={ca}"),
        format!("ssl-mode=verify_identity&ssl-ca={ca}"),
    ] {
        let store = open(&format!("{as_user}?{parameters}")).await;
        store.create(&SELECTOR, &new_record()).await.unwrap();
        count(&store, &SELECTOR).await.unwrap();
        store.delete(&SELECTOR, None).await.unwrap();
    }
    // The same server under a name that its certificate does not have.
    let other = url.replace("127.0.0.1", "localhost");
    for parameters in ["", "ssl-mode=verify_identity&"] {
        refused(&format!("{other}?{parameters}ssl-ca={ca}"), "subjectAltName").await;
    }
    assert!(MySqlStore::open(&format!("{other}?ssl-mode=verify_ca&ssl-ca={ca}")).await.is_ok());
    // Whoever names certificates has the server verified.
    let foreign = certificates.file("other.pem");
    for parameters in ["", "ssl-mode=verify_ca&"] {
        refused(&format!("{url}?{parameters}ssl-ca={foreign}"), "not signed by an authority").await;
    }
    let switched_off = MySqlStore::open(&format!("{url}?ssl-mode=preferred&ssl-ca={ca}")).await;
    assert!(matches!(switched_off, Err(OpenError::Unverified)));
    let options = MySqlStore::options(&url).unwrap().ca_file(&foreign);
    assert!(matches!(options.open().await, Err(OpenError::Unreachable(_))));
}

#[tokio::test]
async fn a_lone_certificate_is_trusted_if_it_is_named() {
    let certificates = Certificates::new();
    let Some(server) = certified(&certificates, "leaf").await else { return };
    let url = server.url(&server.database().await);
    assert!(MySqlStore::open(&format!("{url}?ssl-ca={}", certificates.file("leaf.pem"))).await.is_ok());
    // sqlx accepts none that is marked as that of an authority.
    certificates.copy("lone", server.guarded().folder());
    server.execute("mysql", "FLUSH SSL").await;
    refused(&format!("{url}?ssl-ca={}", certificates.file("lone.pem")), "CA:FALSE").await;
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_is_shown_the_one_of_the_moment() {
    let certificates = Certificates::new();
    let Some(server) = certified(&certificates, "server").await else { return };
    let database = server.database().await;
    let user = "'client'@'127.0.0.1'";
    let grant = format!("CREATE USER {user} REQUIRE X509; GRANT ALL ON {database}.* TO {user}");
    server.execute(&database, &grant).await;
    let url = server.url(&database).replace("root@", "client@");
    let url = format!("{url}?ssl-ca={}", certificates.file("ca.pem"));
    refused(&url, "denied").await;

    let (from, to) = (|name: &str| certificates.path(name), certificates.file("shown"));
    let show = |name: &str| {
        fs::copy(from(&format!("{name}.pem")), format!("{to}.pem")).unwrap();
        fs::copy(from(&format!("{name}.key")), format!("{to}.key")).unwrap();
    };
    let url = format!("{url}&ssl-cert={to}.pem&ssl-key={to}.key");
    show("lone");
    refused(&url, "`ssl-cert` and `ssl-key`").await;
    show("client");
    let store = open(&url).await;
    store.create(&SELECTOR, &new_record()).await.unwrap();

    // Certificates are renewed while the process runs.
    show("lone");
    server.execute(&database, "KILL USER client").await;
    until("the connection is gone", || async { store.load(&SELECTOR).await.is_err() }).await;
    show("client");
    assert!(store.load(&SELECTOR).await.unwrap().is_some());
}

#[tokio::test]
async fn an_unusable_file_is_named() {
    let certificates = Certificates::new();
    let none = certificates.file("none.pem");
    for parameters in [format!("ssl-ca={none}"), format!("ssl-mode=required&ssl-cert={none}&ssl-key={none}")]
    {
        let refused = MySqlStore::open(&format!("mysql://127.0.0.1:1/shop?{parameters}")).await;
        let said = refused.unwrap_err().to_string();
        assert!(said.contains(&none) && said.contains("cannot read"), "{said}");
    }
}

#[tokio::test]
async fn a_unix_socket_is_a_server_too() {
    let Some(server) = MariaDb::start().await else { return };
    let database = server.database().await;
    let url =
        |more: &str| format!("mysql://root@localhost/{database}?socket={}{more}", server.socket().display());
    let store = open(&url("")).await;
    store.create(&SELECTOR, &new_record()).await.unwrap();
    store.delete(&SELECTOR, None).await.unwrap();
    // A connection over TCP has a port.
    let by_socket =
        "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND host = 'localhost'";
    let mut connection = server.connection(&database).await;
    let connections: i64 = sqlx::query_scalar(by_socket).fetch_one(&mut connection).await.unwrap();
    assert_eq!(connections, 1);
    assert!(MySqlStore::open(&url(".other")).await.is_err());
}
