//! `rediss://` checks the server's certificate. The environment names the trusted certificates, so the store runs in another process:
//! this test binary, started again with one test.

use std::{
    net::TcpListener,
    path::Path,
    process::{Command, ExitStatus},
};

use tempfile::TempDir;

use super::*;
use crate::servers::find;

const URL: &str = "SESSION_TESTS_REDISS";

/// Not a test by itself: the test below runs this in another process, which has a URL in its environment.
#[tokio::test]
async fn the_other_process() {
    let Ok(url) = std::env::var(URL) else { return };
    let store = RedisStore::connect(&url).await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    assert_eq!(
        store.update(&SELECTOR, &write("shop.cart", "[]")).await.unwrap(),
        Updated::Done { revision: 2 }
    );
    store.delete(&SELECTOR, None).await.unwrap();
}

fn connects(url: &str, roots: &Path) -> ExitStatus {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::redis::tls::the_other_process"])
        .env(URL, url)
        .env("SSL_CERT_FILE", roots)
        .output()
        .unwrap();
    output.status
}

fn openssl(folder: &Path, line: &str) {
    let output = Command::new("openssl").args(line.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn the_servers_certificate_is_verified() {
    if find("openssl", "openssl", []).is_none() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for who in ["ca", "other"] {
        let line = format!("req -x509 {key} -days 2 -subj /CN=tests -keyout {who}.key -out {who}.pem");
        openssl(folder.path(), &line);
    }
    openssl(folder.path(), &format!("req {key} -subj /CN=server -keyout server.key -out server.csr"));
    std::fs::write(folder.path().join("names"), "subjectAltName=IP:127.0.0.1").unwrap();
    let sign = "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem";
    openssl(folder.path(), sign);

    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let (certificate, key, ca) = (file("server.pem"), file("server.key"), file("ca.pem"));
    let options = ["--tls-port", &port, "--tls-cert-file", &certificate, "--tls-key-file", &key];
    let options = [&options[..], &["--tls-ca-cert-file", &ca, "--tls-auth-clients", "no"]].concat();
    let Some(_redis) = Redis::with_options(&options).await else { return };
    let url = format!("rediss://127.0.0.1:{port}");
    assert!(connects(&url, Path::new(&ca)).success());
    assert!(!connects(&url, &folder.path().join("other.pem")).success(), "signed by another authority");
    assert!(!connects(&url.replace("127.0.0.1", "localhost"), Path::new(&ca)).success(), "by another name");
}
