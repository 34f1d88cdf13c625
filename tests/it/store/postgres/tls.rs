//! Encrypted, and only to the right server; and Unix sockets.

use std::{fs, path::Path};

use actix_typed_session::store::postgres::OpenError;

use super::*;
use crate::store::certificates::Certificates;

/// Lets the server show the certificate `name`, and ask clients for one of the authority.
async fn certify(server: &Postgres, certificates: &Certificates, name: &str) {
    let mut connection = server.connection("postgres").await;
    let folder: String = ask(&mut connection, "SHOW data_directory").await;
    certificates.copy(name, Path::new(&folder));
    server
        .execute("postgres", &format!("ALTER SYSTEM SET ssl_ca_file = '{}'", certificates.file("ca.pem")))
        .await;
    server.execute("postgres", "ALTER SYSTEM SET ssl = on").await;
    server.execute("postgres", "SELECT pg_reload_conf()").await;
    until_is(&mut connection, "SELECT count(*) FROM pg_settings WHERE name = 'ssl' AND setting = 'on'", 1)
        .await;
}

async fn refused(url: &str, why: &str) {
    let said = PostgresStore::open(url).await.unwrap_err().to_string();
    assert!(said.contains(why), "{said}");
}

/// OWASP ASVS 5.0 12.3.1.
#[tokio::test]
async fn a_url_may_ask_for_encryption_and_for_the_right_server() {
    let Some(server) = Postgres::start().await else { return };
    let (url, certificates) = (server.url("postgres"), Certificates::new());
    // A store that asks for encryption gets it, or fails.
    refused(&format!("{url}?sslmode=require"), "does not support TLS").await;
    certify(&server, &certificates, "server").await;
    let mut connection = server.connection("postgres").await;

    refused(&format!("{url}?sslmode=verify-full"), "in `sslrootcert`").await;
    let ca = certificates.file("ca.pem");
    for parameters in [
        "sslmode=require".to_owned(),
        format!("sslrootcert={ca}"),
        format!("sslmode=require&sslrootcert={ca}"),
        format!("sslmode=verify-full&sslrootcert={ca}"),
    ] {
        let store = open(&format!("{url}?{parameters}")).await;
        store.create(&SELECTOR, &new_record()).await.unwrap();
        count(&store, &SELECTOR).await.unwrap();
        store.delete(&SELECTOR, None).await.unwrap();
        let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
            WHERE ssl AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
        assert_eq!(ask::<i64>(&mut connection, encrypted).await, 1, "{parameters}");
        drop(store);
        until_is(&mut connection, OTHERS, 0).await;
    }
    // The same server under a name that its certificate does not have.
    let other = url.replace("127.0.0.1", "localhost");
    for parameters in ["", "sslmode=verify-full&"] {
        refused(&format!("{other}?{parameters}sslrootcert={ca}"), "subjectAltName").await;
    }
    assert!(PostgresStore::open(&format!("{other}?sslmode=verify-ca&sslrootcert={ca}")).await.is_ok());
    // Whoever names certificates has the server verified, also in the mode that otherwise verifies nothing.
    let foreign = certificates.file("other.pem");
    for parameters in ["", "sslmode=require&", "sslmode=verify-ca&"] {
        refused(&format!("{url}?{parameters}sslrootcert={foreign}"), "not signed by an authority").await;
    }
    let switched_off = PostgresStore::open(&format!("{url}?sslmode=prefer&sslrootcert={ca}")).await;
    assert!(matches!(switched_off, Err(OpenError::Unverified)));
    let options = PostgresStore::options(&url).unwrap().ca_file(&foreign);
    assert!(matches!(options.open().await, Err(OpenError::Unreachable(_))));
}

#[tokio::test]
async fn a_lone_certificate_is_trusted_if_it_is_named() {
    let Some(server) = Postgres::start().await else { return };
    let (url, certificates) = (server.url("postgres"), Certificates::new());
    certify(&server, &certificates, "leaf").await;
    assert!(
        PostgresStore::open(&format!("{url}?sslrootcert={}", certificates.file("leaf.pem"))).await.is_ok()
    );
    // sqlx accepts none that is marked as that of an authority.
    certify(&server, &certificates, "lone").await;
    refused(&format!("{url}?sslrootcert={}", certificates.file("lone.pem")), "CA:FALSE").await;
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_is_shown_the_one_of_the_moment() {
    let Some(server) = Postgres::start().await else { return };
    let (url, certificates) = (server.url("postgres"), Certificates::new());
    certify(&server, &certificates, "server").await;
    let mut connection = server.connection("postgres").await;
    server.execute("postgres", "CREATE ROLE client LOGIN; GRANT ALL ON SCHEMA public TO client").await;
    let hba: String = ask(&mut connection, "SHOW hba_file").await;
    let lines = fs::read_to_string(&hba).unwrap();
    fs::write(&hba, format!("hostssl all client 127.0.0.1/32 cert\n{lines}")).unwrap();
    server.execute("postgres", "SELECT pg_reload_conf()").await;
    let url = url.replace("postgres@", "client@");
    let url = format!("{url}?sslrootcert={}", certificates.file("ca.pem"));
    until("the server asks for a certificate", || async { PostgresStore::open(&url).await.is_err() }).await;
    refused(&url, "certificate").await;

    let (from, to) = (|name: &str| certificates.path(name), certificates.file("shown"));
    let show = |name: &str| {
        fs::copy(from(&format!("{name}.pem")), format!("{to}.pem")).unwrap();
        fs::copy(from(&format!("{name}.key")), format!("{to}.key")).unwrap();
    };
    let url = format!("{url}&sslcert={to}.pem&sslkey={to}.key");
    show("lone");
    refused(&url, "`sslcert` and `sslkey`").await;
    show("client");
    let store = open(&url).await;
    store.create(&SELECTOR, &new_record()).await.unwrap();

    // Certificates are renewed while the process runs.
    show("lone");
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'client'";
    server.execute("postgres", end).await;
    until("the connection is gone", || async { store.load(&SELECTOR).await.is_err() }).await;
    show("client");
    assert!(store.load(&SELECTOR).await.unwrap().is_some());
}

#[tokio::test]
async fn an_unusable_file_is_named() {
    let certificates = Certificates::new();
    let none = certificates.file("none.pem");
    for parameters in [format!("sslrootcert={none}"), format!("sslmode=require&sslcert={none}&sslkey={none}")]
    {
        let refused = PostgresStore::open(&format!("postgres://127.0.0.1:1/shop?{parameters}")).await;
        let said = refused.unwrap_err().to_string();
        assert!(said.contains(&none) && said.contains("cannot read"), "{said}");
    }
}

#[tokio::test]
async fn a_unix_socket_is_a_server_too() {
    let Some(server) = Postgres::start().await else { return };
    let folder = server.socket_folder();
    let url = |parameters: &str| {
        format!(
            "postgres:///postgres?host={}&port={}&user=postgres{parameters}",
            folder.display(),
            server.port()
        )
    };
    for parameters in ["", "&sslmode=verify-full"] {
        let store = open(&url(parameters)).await;
        store.create(&SELECTOR, &new_record()).await.unwrap();
        store.delete(&SELECTOR, None).await.unwrap();
        let mut connection = server.connection("postgres").await;
        let by_socket = "SELECT count(*) FROM pg_stat_activity WHERE client_addr IS NULL AND backend_type = 'client backend'";
        assert_eq!(ask::<i64>(&mut connection, by_socket).await, 1);
        drop(store);
        until_is(&mut connection, OTHERS, 0).await;
    }
    refused(&format!("postgres:///postgres?host={}/none&user=postgres", folder.display()), "/none").await;
}
