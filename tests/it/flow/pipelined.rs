//! Requests of many visitors on one connection, one behind the other, as a proxy may send them.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use super::{
    kit::EMPTY,
    wire::{Server, request},
};

const VISITORS: usize = 20;

/// The status, the cookie that is set, and the body of the next answer.
fn next(stream: &mut BufReader<TcpStream>) -> (u16, Option<String>, String) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(stream.read_line(&mut head).unwrap() > 0, "the server hung up: {head}");
    }
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    let cookie = header("set-cookie: ").map(|line| line.split(';').next().unwrap().to_owned());
    let mut body = vec![0; header("content-length: ").unwrap().parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    (head[9..12].parse().unwrap(), cookie, String::from_utf8(body).unwrap())
}

/// GitHub 2021.
#[test]
fn visitors_who_share_a_connection_see_their_own_sessions_alone() {
    let server = Server::start();
    let mut cookies: Vec<String> =
        (0..VISITORS).map(|user| server.cookie(&format!("in{user},c{user}"))).collect();
    let mut stream = BufReader::new(server.connect());
    for round in 0..12 {
        let words = |user: usize| ["", "err", "renew", "fail", "nobody", "crash"][(user + round) % 6];
        let mut bytes = Vec::new();
        for (user, cookie) in cookies.iter().enumerate() {
            let cookie = if words(user) == "nobody" { String::new() } else { format!("Cookie: {cookie}") };
            let lines: &[&[u8]] = if cookie.is_empty() { &[] } else { &[cookie.as_bytes()] };
            bytes.extend(request(&format!("/do/{}", words(user).replace("nobody", "")), lines, "keep-alive"));
        }
        stream.get_mut().write_all(&bytes).unwrap();
        for (user, cookie) in cookies.iter_mut().enumerate() {
            let (status, set_cookie, body) = next(&mut stream);
            let own = format!(r#"{user} [{user}] 0 "" -"#);
            let (expected, shows) = match words(user) {
                "err" => (418, "no coffee"),
                "crash" => (500, "Internal Server Error"),
                "fail" => (500, own.as_str()),
                "nobody" => (200, EMPTY),
                _ => (200, own.as_str()),
            };
            assert_eq!((status, body.as_str()), (expected, shows), "{} of {user}", words(user));
            assert_eq!(set_cookie.is_some(), words(user) == "renew", "{} of {user}", words(user));
            *cookie = set_cookie.unwrap_or_else(|| cookie.clone());
        }
    }
}
