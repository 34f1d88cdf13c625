//! URLs as operators write them, and every mistake.

#![allow(clippy::unwrap_used)] // a test that cannot go on fails

use super::*;

fn parsed(url: &str) -> (Kind, Vec<String>, bool, i64) {
    let target = Target::parse(url).unwrap();
    (target.kind, target.servers.iter().map(ToString::to_string).collect(), target.tls, target.database)
}

#[test]
fn every_form_of_a_url_is_read() {
    assert_eq!(parsed("redis://db"), (Kind::Single, vec!["db:6379".into()], false, 0));
    assert_eq!(parsed("redis://u:p@db:1/"), (Kind::Single, vec!["db:1".into()], false, 0));
    assert_eq!(parsed("rediss://[::1]:7/3"), (Kind::Single, vec!["::1:7".into()], true, 3));
    let (kind, servers, tls, database) = parsed("rediss-sentinel://:p@a,b:2,[::1]/main/4");
    assert_eq!(kind, Kind::Sentinel { service: "main".into(), credentials: Credentials::default() });
    assert_eq!((servers.join(" ").as_str(), tls, database), ("a:26379 b:2 ::1:26379", true, 4));
    let cluster = parsed("redis-cluster://a:1,b:2/0");
    assert_eq!(cluster, (Kind::Cluster, vec!["a:1".into(), "b:2".into()], false, 0));
    for scheme in ["redis+unix", "unix"] {
        let socket = parsed(&format!("{scheme}://:p@/run/redis%20a/r.sock?db=2"));
        assert_eq!(socket, (Kind::Single, vec!["/run/redis a/r.sock".into()], false, 2));
    }
}

#[test]
fn credentials_and_prefix_are_decoded() {
    let target =
        Target::parse("redis://u%3A:p%40%2F@db?prefix=shop%3Aa:&startup_timeout=30&max_connections=3")
            .unwrap();
    assert_eq!(target.max_connections, std::num::NonZeroUsize::new(3));
    assert_eq!(target.startup_timeout, std::time::Duration::from_secs(30));
    assert_eq!(target.credentials.username.as_deref(), Some("u:"));
    assert_eq!(target.credentials.password.as_deref(), Some("p@/"));
    assert_eq!(target.prefix.as_deref(), Some("shop:a:"));
    let sentinel = Target::parse("redis-sentinel://a/main?sentinel_password=s%23").unwrap();
    let Kind::Sentinel { credentials, .. } = sentinel.kind else { unreachable!() };
    assert_eq!(credentials.password.as_deref(), Some("s#"));
}

#[test]
fn files_for_tls_are_named_as_redis_cli_names_them() {
    let target = Target::parse("rediss-cluster://a?cacert=/etc/ca%201.pem&cert=c.pem&key=k.pem").unwrap();
    let client = ClientFiles { certificate: "c.pem".into(), key: "k.pem".into() };
    assert_eq!(target.files, TlsFiles { ca: Some("/etc/ca 1.pem".into()), client: Some(client) });
}

#[test]
fn every_error_says_what_to_write_and_shows_no_password() {
    let cases = [
        ("db:6379", UrlError::Scheme),
        ("http://s3cret@db", UrlError::Scheme),
        ("redis-foo://db", UrlError::Scheme),
        ("redis://u:s3cret/x@db", UrlError::Credentials),
        ("redis://u:s3cret#x@db", UrlError::Credentials),
        ("rediss://u:s3cret@db#insecure", UrlError::Fragment),
        ("rediss://db/0?prefix=a:#insecure", UrlError::Fragment),
        ("redis://u:s3cret?x@db", UrlError::Credentials),
        ("redis://u:s3cret@x@db", UrlError::Credentials),
        ("redis://s3cret@db", UrlError::User),
        ("redis://u:@db", UrlError::User),
        ("redis://u:s3cret%ff@db", UrlError::Encoding),
        ("redis://u:s3cret@", UrlError::Host(1)),
        ("redis-cluster://a,,b", UrlError::Host(2)),
        ("redis-cluster://a,b:0", UrlError::Port(2)),
        ("redis://s3cret:x", UrlError::Port(1)),
        ("redis://[::1]x", UrlError::Port(1)),
        ("redis://a,b", UrlError::Servers),
        ("redis-sentinel://a", UrlError::Service),
        ("redis-sentinel://a/main/0/1", UrlError::Service),
        ("redis://db/x", UrlError::Database),
        ("redis-cluster://a/1", UrlError::ClusterDatabase),
        ("redis://db?timeout=3", UrlError::Parameter("timeout".into())),
        ("redis://db?startup_timeout=s3cret", UrlError::StartupTimeout),
        ("redis://db?max_connections=0", UrlError::MaxConnections),
        ("redis://db?cacert=s3cret", UrlError::WithoutTls("cacert")),
        ("redis+unix:///r.sock?key=s3cret", UrlError::WithoutTls("key")),
        ("rediss://db?cert=s3cret", UrlError::ClientCertificate),
        ("rediss://db?insecure=true", UrlError::Parameter("insecure".into())),
        ("redis+unix://s3cret/r.sock", UrlError::Socket),
        ("redis+unix://", UrlError::Socket),
        ("redis+unix:///r.sock?db=s3cret", UrlError::Database),
        ("redis://db?db=1", UrlError::Parameter("db".into())),
        ("redis://db?sentinel_password=s3cret", UrlError::Parameter("sentinel_password".into())),
        ("redis://db?prefix=", UrlError::Prefix(PrefixError)),
        ("redis://db?prefix=a%7Bb", UrlError::Prefix(PrefixError)),
        ("redis://db?prefix=a%20b", UrlError::Prefix(PrefixError)),
    ];
    for (url, error) in cases {
        let seen = Target::parse(url).unwrap_err();
        assert_eq!(seen, error, "{url}");
        let shown = format!("{seen} {seen:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(seen.to_string().contains("write") || matches!(seen, UrlError::Parameter(_)), "{seen}");
    }
}

#[test]
fn debug_shows_no_password() {
    let target = Target::parse("redis-sentinel://u:s3cret@a/main?sentinel_password=s3cret").unwrap();
    assert!(!format!("{target:?}").contains("s3cret"));
}
