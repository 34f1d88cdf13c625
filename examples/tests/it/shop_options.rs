//! The messages of the shop about mistakes on the command line.

use crate::program::run;

#[test]
fn a_mistake_is_reported_with_the_valid_choices() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("short.key"), "c2hvcnQ=\n").unwrap();
    let cases: [(&[&str], &str); 9] = [
        (&["--stroe"], "unknown argument `--stroe`; there are --store, --port, --behind-tls and --help"),
        (&["-x"], "unknown argument `-x`; there are --store, --port, --behind-tls and --help"),
        (&["8080"], "unknown argument `8080`; there are --store, --port, --behind-tls and --help"),
        (
            &["--store", "redi://localhost"],
            "there is no session store `redi:`; write one of memory:, sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE, mysql://USER:PASSWORD@HOST/DATABASE, redis://HOST, rediss://HOST (TLS), redis-sentinel://HOST,HOST/SERVICE, redis-cluster://HOST,HOST, redis+unix:///PATH",
        ),
        (&["--store", "sqlite:"], "`sqlite:` needs the path of a file; write for example sqlite:sessions.db"),
        (&["--store"], "--store needs a value; see --help"),
        (&["--port", "80 80"], "--port 80 80 is not a port; choose a number from 0 to 65535"),
        (&["--port", "65536"], "--port 65536 is not a port; choose a number from 0 to 65535"),
        (
            &["--store", "sqlite:short.db"],
            "short.key: a session key needs at least 32 random bytes, and this one has 5; make one with `openssl rand -base64 32`",
        ),
    ];
    for (arguments, message) in cases {
        let output = run(folder.path(), arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), format!("shop: {message}\n"), "{arguments:?}");
    }
    let output = run(folder.path(), &["--store", "sqlite:missing/shop.db"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the folder"), "{output:?}");
}

#[test]
fn the_help_names_every_option() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["--help"]);
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for choice in
        ["--store sqlite:PATH", "--store memory:", "--port PORT", "--behind-tls", "--help", "SESSION_KEY"]
    {
        assert!(help.contains(choice), "{choice} is missing in {help}");
    }
}
