//! Encrypted, and only to the right server.

use std::{
    env, fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::Path,
    process::Command as Process,
};

use actix_typed_session::store::postgres::OpenError;

use super::*;

/// Makes a secret key and a certificate for 127.0.0.1 in the server's folder; `false` without `openssl`.
fn certify(folder: &Path) -> bool {
    let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=sessions \
        -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE \
        -keyout server.key -out server.crt";
    let made = Process::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output();
    let Ok(made) = made else {
        assert!(env::var_os("CI").is_none(), "openssl is missing; run: apt-get install openssl");
        return false;
    };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let owner = fs::metadata(folder).unwrap();
    for file in ["server.key", "server.crt"].map(|file| folder.join(file)) {
        chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    true
}

#[tokio::test]
async fn a_url_may_ask_for_encryption_and_for_the_right_server() {
    let Some(server) = Postgres::start().await else { return };
    let url = server.url("postgres");
    // A store that asks for encryption gets it, or fails.
    let refused = PostgresStore::connect(&format!("{url}?sslmode=require")).await;
    assert!(matches!(refused, Err(OpenError::Unreachable(_))));

    let mut connection = server.connection("postgres").await;
    let folder: String = ask(&mut connection, "SHOW data_directory").await;
    if !certify(Path::new(&folder)) {
        return;
    }
    server.execute("postgres", "ALTER SYSTEM SET ssl = on").await;
    server.execute("postgres", "SELECT pg_reload_conf()").await;
    until_is(&mut connection, "SELECT count(*) FROM pg_settings WHERE name = 'ssl' AND setting = 'on'", 1)
        .await;

    // The certificate is not signed by an authority that the operating system trusts.
    let refused = PostgresStore::connect(&format!("{url}?sslmode=verify-full")).await;
    assert!(matches!(refused, Err(OpenError::Unreachable(_))));
    let certificate = format!("{folder}/server.crt");
    for mode in ["require".to_owned(), format!("verify-full&sslrootcert={certificate}")] {
        let store = open(&format!("{url}?sslmode={mode}")).await;
        store.create(&SELECTOR, &new_record()).await.unwrap();
        count(&store, &SELECTOR).await.unwrap();
        store.delete(&SELECTOR, None).await.unwrap();
        let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
            WHERE ssl AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
        assert_eq!(ask::<i64>(&mut connection, encrypted).await, 1, "{mode}");
        drop(store);
        until_is(&mut connection, OTHERS, 0).await;
    }
    // The same server under a name that its certificate does not have.
    let other = url.replace("127.0.0.1", "localhost");
    let refused =
        PostgresStore::connect(&format!("{other}?sslmode=verify-full&sslrootcert={certificate}")).await;
    assert!(matches!(refused, Err(OpenError::Unreachable(_))));
}
