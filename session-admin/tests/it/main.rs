//! The program, run on real stores.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a test fails by a panic

// The servers of the stores' own tests.
#[path = "../../../tests/it/servers/mod.rs"]
#[allow(dead_code, unused_imports)] // these tests need only a part of it
mod servers;

mod dry_run;

use std::{
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Command, Output},
};

use actix_typed_session::{
    Key, SessionMiddleware, SessionState, TypedSession,
    admin::Tally,
    id::PublicId,
    store::{self, AnyStore},
    testing::TestSession,
};
use serde_json::Value;

#[derive(SessionState)]
#[session(name = "shop", version = 1, lock = off)]
struct Shop {
    #[session(principal)]
    user: Option<String>,
    #[session(default)]
    cart: Vec<u32>,
}

fn program(store: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_session-admin"))
        .env("SESSION_STORE", store)
        .args(arguments)
        .output()
        .unwrap()
}

/// What the program wrote, if it exited with `code`.
fn said(store: &str, arguments: &[&str], code: i32) -> String {
    let output = program(store, arguments);
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {out}{err}");
    if code == 0 { out } else { err }
}

fn json(store: &str, arguments: &[&str]) -> Vec<Value> {
    let out = said(store, &[&["--json"], arguments].concat(), 0);
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Two sessions of Ada, one of Ben, and one of nobody.
async fn fill(store: &AnyStore) {
    let sessions = SessionMiddleware::new(store.clone(), Key::generate().unwrap());
    for user in [Some("Ada"), Some("Ada"), Some("Ben \"7\""), None] {
        TestSession::<Shop>::with(&sessions, |shop: &mut TypedSession<Shop>| {
            if let Some(user) = user {
                shop.set_user(user);
                shop.session().set_label("A browser");
            }
            shop.set_cart(vec![11, 12_345]);
        })
        .await
        .unwrap();
    }
}

/// Every command, on a store that removes expired records by itself or not.
async fn administer(url: &str, sweeps_itself: bool) {
    let store = store::open(url).await.unwrap();
    fill(&store).await;

    let all = json(url, &["list"]);
    assert_eq!(all.len(), 4);
    assert_eq!(said(url, &["list"], 0).lines().count(), 4);
    assert_eq!(said(url, &["list", "--limit", "3"], 0).lines().count(), 3);
    let ada = json(url, &["list", "--user", "shop.user=Ada"]);
    assert_eq!(ada.len(), 2);
    assert_eq!(ada[0]["user"], r#"shop.user="Ada""#);
    assert_eq!(ada[0]["label"], "A browser");
    assert!(ada[0]["created"].as_str().unwrap().ends_with('Z'), "{ada:?}");
    assert!(json(url, &["list", "--user", "shop.user=Eve"]).is_empty());
    assert_eq!(json(url, &["list", "--user", r#"shop.user="Ben \"7\"""#]).len(), 1);

    let census = &json(url, &["census"])[0];
    assert_eq!(
        (&census["sessions"], &census["signed_in"], &census["users"]),
        (&4.into(), &3.into(), &2.into())
    );
    assert_eq!(census["schemas"]["shop"]["readable_from"]["1"], 4);
    assert_eq!(census["complete"], true);
    let part = said(url, &["census", "--limit", "3"], 0);
    assert!(part.starts_with("sessions: 3, not all; signed in: "), "{part}");

    // Values are shown only when they are asked for.
    let id = ada[0]["public_id"].as_str().unwrap();
    let shown = said(url, &["show", id], 0);
    assert!(shown.contains("shop.cart") && !shown.contains("12345"), "{shown}");
    assert!(said(url, &["show", id, "--values"], 0).contains("[11,12345]"));
    assert_eq!(json(url, &["show", id, "--values"])[0]["fields"]["shop.cart"]["value"][1], 12_345);
    assert_eq!(json(url, &["show", id])[0]["fields"]["shop.cart"].get("value"), None);

    assert_eq!(said(url, &["revoke", id], 0), "ended: 1\n");
    for command in ["show", "revoke"] {
        let error = said(url, &[command, id], 3);
        assert!(error.contains("there is no session"), "{error}");
    }
    assert_eq!(json(url, &["list", "--user", "shop.user=Ada"]).len(), 1);
    assert_eq!(json(url, &["revoke", "--user", "shop.user=Ada"])[0]["ended"], 1);
    assert_eq!(json(url, &["revoke", "--user", "shop.user=Ada"])[0]["ended"], 0);
    assert_eq!(json(url, &["list"]).len(), 2);

    let swept = said(url, &["sweep"], 0);
    let expected = if sweeps_itself { "nothing to do" } else { "expired records removed: 0" };
    assert!(swept.starts_with(expected), "{swept}");
    assert_eq!(said(url, &["health"], 0), "the store answers\n");
    // A page of a scan may have fewer than there are.
    assert_eq!(Tally::of(&store, 10).await.unwrap().found(), 2);
}

#[actix_web::test]
async fn on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    administer(&format!("sqlite:{}", folder.path().join("shop.db").display()), false).await;
}

#[actix_web::test]
async fn on_redis() {
    let Some(server) = servers::shared_redis().await else { return };
    administer(&format!("{}?prefix=administered:", server.url()), true).await;
}

#[actix_web::test]
async fn on_postgres() {
    let Some(server) = servers::shared_postgres().await else { return };
    administer(&server.url(&server.database().await), false).await;
}

#[actix_web::test]
async fn on_mariadb() {
    let Some(server) = servers::shared_mariadb().await else { return };
    administer(&server.url(&server.database().await), false).await;
}

#[actix_web::test]
async fn a_public_id_may_begin_with_a_hyphen() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("shop.db").display());
    store::open(&url).await.unwrap();
    let id = "-EqxB1AFF3b2SkbH_ZLwhA";
    let commands: [&[&str]; 4] =
        [&["show", id], &["show", id, "--values"], &["show", "--values", id], &["revoke", id]];
    for command in commands {
        let error = said(&url, command, 3);
        assert!(error.contains(&format!("there is no session {id}")), "{command:?}: {error}");
    }
}

#[test]
fn a_wrong_command_line_is_told_and_shows_no_password() {
    let id = "AAECAwQFBgcICQoLDA0ODw";
    let cases: [(&[&str], &str); 5] = [
        (&["list", "--user", "7"], "for example shop.user=7"),
        (&["show", "nonsense"], "22 characters"),
        (&["revoke"], "required"),
        (&["revoke", id, "--user", "shop.user=7"], "cannot be used with"),
        (&["frobnicate"], "unrecognized subcommand"),
    ];
    for (arguments, says) in cases {
        let error = said("redis://:secret@127.0.0.1:1", arguments, 2);
        assert!(error.contains(says) && !error.contains("secret"), "{error}");
    }
    let help = String::from_utf8(program("redis://:secret@127.0.0.1:1", &["--help"]).stdout).unwrap();
    assert!(help.contains("Exit codes") && !help.contains("secret"), "{help}");
    let error = said("redis://:secret@127.0.0.1:1", &["health"], 1);
    assert!(error.starts_with("session-admin: ") && !error.contains("secret"), "{error}");
    assert!(said("shop.db", &["health"], 1).contains("write one of"));
    assert!(said("memory:", &["list"], 2).contains("belongs to the application"));
    assert!(said("Memory:", &["list"], 2).contains("belongs to the application"));
    for url in ["sqlite:no-such.db", "sqlite://no-such.db", "SQLite:no-such.db"] {
        assert!(said(url, &["list"], 2).contains("there is no file no-such.db"));
    }
    assert!(!std::path::Path::new("no-such.db").exists());
    assert!(id.parse::<PublicId>().is_ok());
}

/// JSON escapes no C1 control characters, with one of which a terminal's commands can begin.
#[actix_web::test]
async fn a_terminal_obeys_no_name_of_a_user() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("shop.db").display());
    let store = store::open(&url).await.unwrap();
    let sessions = SessionMiddleware::new(store, Key::generate().unwrap());
    let names = |shop: &mut TypedSession<Shop>| shop.set_user("Eve\u{9b}2J\u{1b}[2J");
    TestSession::<Shop>::with(&sessions, names).await.unwrap();
    let id = json(&url, &["list"])[0]["public_id"].as_str().unwrap().to_owned();
    for arguments in [&["list"][..], &["show", &id], &["show", "--values", &id]] {
        let shown = said(&url, arguments, 0);
        assert!(shown.contains(r"Eve\u{9b}2J\u001b[2J"), "{shown:?}");
        assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    }
}

#[actix_web::test]
async fn a_path_is_read_as_applications_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store::open(&format!("sqlite:{}", folder.path().join("shop.db").display())).await.unwrap();
    fill(&store).await;
    for url in ["sqlite:shop.db", "sqlite://shop.db", "SQLITE:shop.db"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_session-admin"));
        let output =
            command.current_dir(folder.path()).env("SESSION_STORE", url).arg("list").output().unwrap();
        assert_eq!(output.stdout.split(|byte| *byte == b'\n').count(), 5, "{url}: {output:?}");
    }
}

/// A store that cannot write would say so at the first sign-in.
#[actix_web::test]
async fn a_file_that_may_not_be_written_is_refused_and_the_message_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    // Root may write everything, so somebody else runs a copy of the program, in a place that everybody can reach.
    let nobody = servers::guarded::user_for("nobody");
    let program = folder.path().join("program");
    fs::copy(env!("CARGO_BIN_EXE_session-admin"), &program).unwrap();
    mode(folder.path(), 0o755);
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let file = data.join("shop.db");
    drop(store::open(&format!("sqlite:{}", file.display())).await.unwrap());
    let listed = |path: &Path| {
        let mut command = Command::new(&program);
        command.env("SESSION_STORE", format!("sqlite:{}", path.display())).arg("list");
        if let Some(user) = nobody {
            command.uid(user.uid).gid(user.gid);
        }
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (of_folder, of_file) in [(0o555, 0o666), (0o555, 0o444), (0o777, 0o444), (0o777, 0o000)] {
        for beside in ["shop.db-wal", "shop.db-shm"] {
            drop(fs::remove_file(data.join(beside)));
        }
        mode(&file, of_file);
        mode(&data, of_folder);
        let (code, message) = listed(&file);
        assert_eq!(code, Some(1), "{of_folder:o} {of_file:o}: {message}");
        let advice = "must be able to read and write it, and to create files in its folder";
        assert!(message.contains(advice), "{of_folder:o} {of_file:o}: {message}");
        assert!(message.contains(file.to_str().unwrap()), "{message}");
    }
    mode(&data, 0o777);
    mode(&file, 0o666);
    assert_eq!(listed(&file).0, Some(0));
    let (code, message) = listed(&data);
    assert!(code == Some(1) && message.contains("is a folder; write the path of a file in it"), "{message}");
}

/// The exit code of the program, of which nobody reads what it writes.
fn unread(store: &str, arguments: &[&str]) -> Option<i32> {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_session-admin"));
    command.env("SESSION_STORE", store).args(arguments);
    command.stdout(writer.try_clone().unwrap()).stderr(writer).status().unwrap().code()
}

/// As in `session-admin .. 2>&1 | head -1`.
#[actix_web::test]
async fn an_exit_code_is_right_if_nobody_reads_the_output() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("shop.db").display());
    fill(&store::open(&url).await.unwrap()).await;
    let club = concat!(env!("CARGO_MANIFEST_DIR"), "/session-schemas/club.lock");
    let id = "AAECAwQFBgcICQoLDA0ODw";
    let cases: [(&[&str], i32); 8] = [
        (&["list"], 0),
        (&["list", "--limit", "1"], 0),
        (&["dry-run", "--lock", club], 4),
        (&["--json", "dry-run", "--lock", club], 4),
        (&["dry-run", "--lock", "no-such.lock"], 2),
        (&["show", id], 3),
        (&["frobnicate"], 2),
        (&["health"], 0),
    ];
    for (arguments, code) in cases {
        assert_eq!(unread(&url, arguments), Some(code), "{arguments:?}");
    }
    assert_eq!(unread("redis://127.0.0.1:1", &["health"]), Some(1));
}
