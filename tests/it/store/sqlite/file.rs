//! Opening the file: what is created, and what is refused and then left alone.

use actix_typed_session::store::sqlite::OpenError;

use super::*;

#[tokio::test]
async fn a_missing_folder_is_named() {
    let folder = TempDir::new().unwrap();
    let error = SqliteStore::open(folder.path().join("nowhere/sessions.db")).await.unwrap_err();
    assert!(matches!(error, OpenError::NoFolder(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("/nowhere ") && text.contains("does not exist; create it first"), "{text}");
    assert!(!folder.path().join("nowhere").exists());
}

#[tokio::test]
async fn a_file_of_a_later_release_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    drop(store);
    let mut connection = raw(&path).await;
    for version in [3, 3 << 16 | 3, 3 << 16 | 9] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("PRAGMA user_version = {version}")))
            .execute(&mut connection)
            .await
            .unwrap();
        let error = SqliteStore::open(&path).await.unwrap_err();
        let is_named =
            matches!(error, OpenError::TooNew { found, supported: 2 } if found == version & 0xffff);
        assert!(is_named, "{error:?}");
        let left: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut connection).await.unwrap();
        assert_eq!(left, version);
    }
    // A later layout that this release can use, and a column that it added.
    let later =
        "PRAGMA user_version = 0x10009; ALTER TABLE session ADD COLUMN more TEXT NOT NULL DEFAULT 'new'";
    sqlx::raw_sql(later).execute(&mut connection).await.unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(text(&store, &SELECTOR, "shop.visits").await.as_deref(), Some("0"));
    store.create(&Selector::from_bytes([2; 16]), &new_record()).await.unwrap();
    let left: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut connection).await.unwrap();
    assert_eq!(left, 0x1_0009);
}

#[tokio::test]
async fn a_file_of_an_earlier_release_is_migrated_while_it_goes_on() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    let clock = ManualClock::at(BEGIN);
    let open = || SqliteStore::options(&path).clock(clock.clone()).sweep_every(None).open();
    let earlier = open().await.unwrap();
    let back = "DROP INDEX session_by_sign_in; PRAGMA user_version = 1";
    let mut connection = raw(&path).await;
    sqlx::raw_sql(back).execute(&mut connection).await.unwrap();
    let name = |n| Selector::from_bytes([n; 16]);
    for n in 1..=2 {
        earlier.create(&name(n), &signed_in(None)).await.unwrap();
        clock.advance(Duration::from_millis(1));
    }
    // What is damaged is carried along.
    earlier.create(&name(3), &new_record()).await.unwrap();
    let damage = "UPDATE session SET meta = '{' WHERE principal IS NULL";
    sqlx::raw_sql(damage).execute(&mut connection).await.unwrap();
    let store = open().await.unwrap();
    assert_eq!(kind(store.load(&name(3)).await), StoreErrorKind::Unreadable);
    let layout: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut connection).await.unwrap();
    assert_eq!(layout, 0x1_0002);
    // Both write, and the order of sign-ins is right for both.
    let mut again = Change::default();
    (again.principal, again.authenticated) = (Some(signed_in(None).principal), true);
    assert!(matches!(earlier.update(&name(1), &again).await.unwrap(), Updated::Done { .. }));
    clock.advance(Duration::from_millis(1));
    store.create(&name(4), &signed_in(Some(2))).await.unwrap();
    assert_eq!(theirs(&store).await, [name(1), name(4)]);
}

#[tokio::test]
async fn a_file_of_another_program_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("app.db");
    std::fs::File::create(&path).unwrap();
    let mut connection = raw(&path).await;
    sqlx::query("CREATE TABLE users (name)").execute(&mut connection).await.unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::NotSessions(_)), "{error:?}");
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut connection).await.unwrap();
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut connection).await.unwrap();
    assert_eq!((tables, journal.as_str()), (1, "delete"));

    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "not a database, but long enough to be looked at ".repeat(100)).unwrap();
    assert!(matches!(SqliteStore::open(&path).await.unwrap_err(), OpenError::Engine(..)));
}

#[tokio::test]
async fn unusual_table_names_work() {
    let folder = TempDir::new().unwrap();
    for name in ["file:x?mode=memory", ":memory:", "a b%20c.db"] {
        let path = folder.path().join(name);
        let store = SqliteStore::open(&path).await.unwrap();
        assert_eq!(store.create(&SELECTOR, &new_record()).await.unwrap(), Created::Created);
        assert!(path.metadata().unwrap().len() > 0, "{name}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_reads_the_file_and_its_companions() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(folder.path().join("sessions.db")).await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    let mut names = Vec::new();
    for file in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
        names.push(file.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["sessions.db", "sessions.db-shm", "sessions.db-wal"]);
}
