//! `rediss://`: every server is verified, and shown a certificate if it asks for one. `redis+unix://` needs neither.

use std::{
    fs,
    path::Path,
    process::{Command, ExitStatus},
};

use actix_typed_session::store::redis::OpenError;

use super::*;
use crate::{
    servers::{free_port, free_ports, redis::usual},
    store::certificates::Certificates,
};

const URL: &str = "SESSION_TESTS_REDISS";

/// The arguments of a server that shows the certificate `name`, and asks for one of the client or not.
fn tls(certificates: &Certificates, port: u16, name: &str, asks: &str) -> Vec<String> {
    let (certificate, key) =
        (certificates.file(&format!("{name}.pem")), certificates.file(&format!("{name}.key")));
    let port = port.to_string();
    let words = [
        "--tls-port",
        &port,
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-auth-clients",
        asks,
    ];
    let ca = ["--tls-ca-cert-file".to_owned(), certificates.file("ca.pem")];
    words.map(str::to_owned).into_iter().chain(ca).collect()
}

/// A server with TLS, and its port for TLS.
async fn server(certificates: &Certificates, name: &str, asks: &str) -> Option<(Redis, u16)> {
    let port = free_port();
    let options = tls(certificates, port, name, asks);
    Some((Redis::with_options(&options.iter().map(String::as_str).collect::<Vec<_>>()).await?, port))
}

/// Writes and reads through a new store.
async fn works(url: &str) {
    let store = RedisStore::open(url).await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    let done = store.update(&SELECTOR, &write("shop.cart", "[]")).await.unwrap();
    assert_eq!(done, Updated::Done { revision: 2 });
    store.delete(&SELECTOR, None).await.unwrap();
}

async fn refused(url: &str, why: &str) {
    let said = RedisStore::open(url).await.unwrap_err().to_string();
    assert!(said.contains(why), "{said}");
}

/// Not a test by itself: the test below runs this in another process, which has a URL in its environment.
#[tokio::test]
async fn the_other_process() {
    let Ok(url) = std::env::var(URL) else { return };
    works(&url).await;
}

fn works_elsewhere(url: &str, roots: &Path) -> ExitStatus {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::redis::tls::the_other_process"])
        .env(URL, url)
        .env("SSL_CERT_FILE", roots)
        .output()
        .unwrap();
    output.status
}

/// OWASP ASVS 5.0 12.3.1.
#[tokio::test]
async fn the_server_is_verified_against_the_certificates_of_the_system_unless_others_are_named() {
    let certificates = Certificates::new();
    let Some((redis, port)) = server(&certificates, "server", "no").await else { return };
    let url = format!("rediss://127.0.0.1:{port}");
    assert!(works_elsewhere(&url, &certificates.path("ca.pem")).success());
    assert!(!works_elsewhere(&url, &certificates.path("other.pem")).success());
    // What is named replaces the certificates of the system.
    let other = format!("{url}?cacert={}", certificates.file("other.pem"));
    assert!(!works_elsewhere(&other, &certificates.path("ca.pem")).success());

    let ca = certificates.file("ca.pem");
    works(&format!("{url}?cacert={ca}")).await;
    let options = RedisStore::options(&url).unwrap().ca_file(&ca);
    assert!(options.open().await.is_ok());
    refused(&url, "in `cacert`").await;
    refused(&other, "not signed by an authority that is trusted here").await;
    refused(&format!("rediss://localhost:{port}?cacert={ca}"), "subjectAltName").await;
    refused(
        &format!("rediss://127.0.0.1:{}?cacert={ca}", redis.port()),
        "does not speak TLS at this address",
    )
    .await;
    assert!(RedisStore::open(&format!("redis://127.0.0.1:{port}")).await.is_err());
    let plain = RedisStore::options(&redis.url()).unwrap().ca_file(&ca).open().await;
    assert!(matches!(plain, Err(OpenError::WithoutTls)));
}

#[tokio::test]
async fn a_lone_certificate_is_trusted_if_it_is_named_whatever_it_says_that_it_is() {
    let certificates = Certificates::new();
    let named = |name: &str| certificates.file(&format!("{name}.pem"));
    for name in ["lone", "leaf"] {
        let Some((_redis, port)) = server(&certificates, name, "no").await else { return };
        let url = format!("rediss://127.0.0.1:{port}");
        works(&format!("{url}?cacert={}", named(name))).await;
        refused(&url, "in `cacert`").await;
        refused(&format!("{url}?cacert={}", named("ca")), "certificate").await;
        refused(&format!("rediss://localhost:{port}?cacert={}", named(name)), "subjectAltName").await;
    }
    let Some((_redis, port)) = server(&certificates, "expired", "no").await else { return };
    refused(&format!("rediss://127.0.0.1:{port}?cacert={}", named("expired")), "new certificate").await;
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_is_shown_the_one_of_the_moment() {
    let certificates = Certificates::new();
    let Some((redis, port)) = server(&certificates, "server", "yes").await else { return };
    let url = format!("rediss://127.0.0.1:{port}?cacert={}", certificates.file("ca.pem"));
    refused(&url, "in `cert` and `key`").await;
    let (from, to) = (|name: &str| certificates.path(name), certificates.file("shown"));
    let show = |name: &str| {
        fs::copy(from(&format!("{name}.pem")), format!("{to}.pem")).unwrap();
        fs::copy(from(&format!("{name}.key")), format!("{to}.key")).unwrap();
    };
    let url = format!("{url}&cert={to}.pem&key={to}.key");
    show("lone");
    refused(&url, "in `cert` and `key`").await;
    show("client");
    works(&url).await;

    // Certificates are renewed while the process runs.
    let store = RedisStore::open(&url).await.unwrap();
    show("lone");
    redis.command::<()>(&["CLIENT", "KILL", "TYPE", "normal"]).await.ok();
    until("the connection is gone", || async { store.load(&SELECTOR).await.is_err() }).await;
    show("client");
    store.load(&SELECTOR).await.unwrap();
}

#[tokio::test]
async fn an_unusable_file_is_named() {
    let certificates = Certificates::new();
    let (ca, none) = (certificates.file("ca.pem"), certificates.file("none.pem"));
    let (client, key) = (certificates.file("client.pem"), certificates.file("client.key"));
    let damaged = certificates.file("damaged.pem");
    fs::write(&damaged, "-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n").unwrap();
    for (parameters, file, why) in [
        (format!("cacert={none}"), &none, "cannot read"),
        (format!("cacert={key}"), &key, "has no certificate"),
        (format!("cacert={damaged}"), &damaged, "is damaged"),
        (format!("cacert={ca}&cert={client}&key={client}"), &client, "has no private key"),
        (format!("cacert={ca}&cert={ca}&key={key}"), &key, "does not belong to the certificate in"),
    ] {
        let refused = RedisStore::open(&format!("rediss://127.0.0.1:1?{parameters}")).await.unwrap_err();
        let said = refused.to_string();
        assert!(said.contains(file) && said.contains(why), "{said}");
    }
}

#[tokio::test]
async fn sentinels_and_the_primary_that_they_name_are_verified() {
    let certificates = Certificates::new();
    let Some((_primary, port)) = server(&certificates, "server", "yes").await else { return };
    let sentinel_port = free_port();
    let configure = |folder: &Path, port_without: u16| {
        let file = folder.join("sentinel.conf");
        let lines = format!(
            "port {port_without}\nbind 127.0.0.1\ndir {}\nsentinel monitor sessions 127.0.0.1 {port} 1\ntls-replication yes\n",
            folder.display()
        );
        fs::write(&file, lines).unwrap();
        let mut arguments = vec![file.to_str().unwrap().to_owned(), "--sentinel".to_owned()];
        arguments.extend(tls(&certificates, sentinel_port, "server", "yes"));
        arguments
    };
    let Some(_sentinel) = Redis::launch(free_port, configure).await else { return };
    let (client, key) = (certificates.file("client.pem"), certificates.file("client.key"));
    let url = |ca: &str| {
        let ca = certificates.file(ca);
        format!("rediss-sentinel://127.0.0.1:{sentinel_port}/sessions?cacert={ca}&cert={client}&key={key}")
    };
    works(&url("ca.pem")).await;
    refused(&url("other.pem"), "not signed by an authority that is trusted here").await;
}

#[tokio::test]
async fn every_node_of_a_cluster_is_verified() {
    let certificates = Certificates::new();
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let port = free_ports();
        let arguments = |folder: &Path, plain: u16| {
            let cluster = ["--cluster-enabled", "yes", "--tls-cluster", "yes", "--tls-replication", "yes"];
            [usual(folder, plain, &cluster), tls(&certificates, port, "server", "no")].concat()
        };
        let Some(node) = Redis::launch(free_port, arguments).await else { return };
        nodes.push((node, port));
    }
    for ((node, _), slots) in nodes.iter().zip([["0", "8191"], ["8192", "16383"]]) {
        node.command::<()>(&["CLUSTER", "ADDSLOTSRANGE", slots[0], slots[1]]).await.unwrap();
    }
    let second = nodes[1].1.to_string();
    nodes[0].0.command::<()>(&["CLUSTER", "MEET", "127.0.0.1", &second]).await.unwrap();
    for (node, _) in &nodes {
        until("the cluster is whole", || async {
            let info: String = node.command(&["CLUSTER", "INFO"]).await.unwrap();
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:2")
        })
        .await;
    }
    let url =
        |ca: &str| format!("rediss-cluster://127.0.0.1:{}?cacert={}", nodes[0].1, certificates.file(ca));
    let store = RedisStore::open(&url("ca.pem")).await.unwrap();
    for n in 0..16 {
        store.create(&selector(n), &new_record()).await.unwrap();
    }
    for (node, _) in &nodes {
        assert_ne!(node.command::<u64>(&["DBSIZE"]).await.unwrap(), 0, "both have sessions");
    }
    refused(&url("other.pem"), "not signed by an authority that is trusted here").await;
}

#[tokio::test]
async fn a_unix_socket_is_a_server_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis.sock");
    let socket = path.to_str().unwrap();
    let Some(redis) = Redis::with_options(&["--unixsocket", socket, "--requirepass", ""]).await else {
        return;
    };
    for scheme in ["redis+unix", "unix"] {
        works(&format!("{scheme}://{socket}?db=3&prefix=here:")).await;
    }
    let store = actix_typed_session::store::open(&format!("redis+unix://{socket}?db=3")).await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    let info: String = redis.command(&["INFO", "keyspace"]).await.unwrap();
    assert!(info.contains("db3:keys=1"), "{info}");
    refused(&format!("redis+unix://{socket}.other"), "redis.sock.other").await;
}
