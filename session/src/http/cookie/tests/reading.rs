//! What a `Cookie` header says, whatever it says.

use actix_web::http::header::VARY;

use super::*;
use proptest::{collection::vec, prelude::*};

/// The headers of a request with these `Cookie` lines.
fn request(lines: &[Vec<u8>]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(COOKIE, HeaderValue::from_bytes(line).unwrap());
    }
    headers
}

fn read(headers: &HeaderMap, name: &str, keys: &KeyRing) -> Reading {
    decide(candidates(headers, name), keys)
}

fn read_line(line: impl AsRef<[u8]>) -> Reading {
    ours(read(&request(&[line.as_ref().to_vec()]), NAME, &ring()))
}

/// What counts: other values beside our ids hide nothing.
fn ours(reading: Reading) -> Reading {
    Reading { tampered: 0, ..reading }
}

fn one(id: SessionId) -> Reading {
    Reading { ids: vec![id], ..Reading::default() }
}

/// A value of the right form and length that no key of ours made.
fn forged() -> String {
    mint().to_cookie(&KeyRing::new(NAME, &key(200).into()))
}

fn join(pairs: &[String]) -> String {
    pairs.join("; ")
}

/// Every order of `items`.
fn permutations<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    let Some((first, rest)) = items.split_first() else { return vec![Vec::new()] };
    let mut all = Vec::new();
    for shorter in permutations(rest) {
        for at in 0..=shorter.len() {
            let mut longer = shorter.clone();
            longer.insert(at, first.clone());
            all.push(longer);
        }
    }
    all
}

#[test]
fn what_is_written_is_read() {
    for name in ["__Host-sid", "__Secure-sid", "insecure-sid"] {
        let id = mint();
        let keys = KeyRing::new(name, &key(1).into());
        let value = id.to_cookie(&keys);
        let headers = request(&[format!("{name}={value}").into_bytes()]);
        assert_eq!(read(&headers, name, &keys), one(id));
    }
}

#[test]
fn no_cookie_is_no_session() {
    assert_eq!(read(&HeaderMap::new(), NAME, &ring()), Reading::default());
    let mut headers = HeaderMap::new();
    headers.insert(VARY, HeaderValue::from_str(&format!("{NAME}={}", mint().to_cookie(&ring()))).unwrap());
    assert_eq!(read(&headers, NAME, &ring()), Reading::default());
}

/// OWASP ASVS 5.0 3.3.3; ASVS 4.0 3.4.4; RFC 6265bis 4.1.3; CVE-2020-8184; CVE-2026-39410; CVE-2023-23934.
#[test]
fn the_name_is_compared_byte_by_byte() {
    let id = mint();
    let v = id.to_cookie(&ring());
    let not_ours = [
        // Percent-encoded, in whole and in part.
        format!("%5F%5FHost-sid={v}"),
        format!("__Host%2Dsid={v}"),
        format!("__Host-si%64={v}"),
        // What Unicode calls white space, and a browser does not.
        format!("\u{2000}{NAME}={v}"),
        format!("{NAME}\u{2000}={v}"),
        format!("\u{a0}{NAME}={v}"),
        format!("{NAME}\u{a0}={v}"),
        format!("\u{85}{NAME}={v}"),
        format!("{NAME}\u{85}={v}"),
        format!("\u{feff}{NAME}={v}"),
        // Another case, a part, more.
        format!("__HOST-sid={v}"),
        format!("__host-sid={v}"),
        format!("__Host-SID={v}"),
        format!("sid={v}"),
        format!("__Host-si={v}"),
        format!("__Host-sid2={v}"),
        format!("x__Host-sid={v}"),
        format!("_Host-sid={v}"),
        format!("..Host-sid={v}"),
        format!("__Host.sid={v}"),
        format!("__Host-sid[]={v}"),
        // Pairs without a name.
        format!("={NAME}={v}"),
        format!("=={NAME}={v}"),
        format!("={v}"),
        v.clone(),
        NAME.to_owned(),
        // The grammar of RFC 2965 and of quotes is no grammar of ours.
        format!("$Version=1, {NAME}={v}"),
        format!("$Version=1 {NAME}={v}"),
        format!("a=1, {NAME}={v}"),
        format!("a=1 {NAME}={v}"),
        format!("\"{NAME}\"={v}"),
        format!("{NAME}=\"{v}\""),
        format!("{NAME}: {v}"),
        // The value is the rest, to the octet.
        format!("{NAME}=={v}"),
        format!("{NAME}={v}="),
        format!("{NAME}={v}\u{a0}"),
        format!("{NAME}={v} x"),
        format!("{NAME}=\u{2000}{v}"),
        format!("{NAME}={}", v.replace('.', "%2E")),
    ];
    for line in not_ours {
        assert_eq!(read_line(&line), Reading::default(), "{line}");
        // And it does not hide the one that is ours.
        assert_eq!(read_line(format!("{line}; {NAME}={v}")), one(id), "{line}");
        assert_eq!(read_line(format!("{NAME}={v};{line}")), one(id), "{line}");
    }
}

#[test]
fn space_and_tab_around_a_pair_are_not_part_of_it() {
    let id = mint();
    let v = id.to_cookie(&ring());
    for line in [
        format!("{NAME}={v}"),
        format!(" {NAME}={v} "),
        format!("\t{NAME}\t=\t{v}\t"),
        format!("  {NAME} \t =\t {v} \t"),
        format!(";;{NAME}={v};"),
        format!("; ;\t; {NAME}={v} ; ;"),
        format!("$Version=1; {NAME}={v}; $Path=/"),
        format!("a=b;{NAME}={v}"),
    ] {
        assert_eq!(read_line(&line), one(id), "{line:?}");
    }
}

/// CVE-2023-26049.
#[test]
fn a_quote_opens_nothing_so_the_tag_decides() {
    let v = mint().to_cookie(&ring());
    assert_eq!(read_line(format!("a=\"b; {NAME}=evil; c\"")), Reading::default());
    assert_eq!(read_line(format!("a=\"b; {NAME}={}; c\"", forged())), Reading::default());
    assert_ne!(read_line(format!("a=\"b; {NAME}={v}; c\"")), Reading::default());
}

#[test]
fn junk_in_other_cookies_is_theirs() {
    let id = mint();
    let v = id.to_cookie(&ring());
    let junk: [&[u8]; 8] = [
        b"x=\xff",
        b"\xff\xfe=\x80",
        b"x=\xc3\x28",
        b"%%%=%zz",
        b"x=\"unclosed",
        b"=",
        b"{\"json\":[1,2]}",
        &[b'y'; 8192],
    ];
    for junk in junk {
        for line in [
            [junk, b"; ", NAME.as_bytes(), b"=", v.as_bytes()].concat(),
            [NAME.as_bytes(), b"=", v.as_bytes(), b"; ", junk].concat(),
        ] {
            assert_eq!(read_line(&line), one(id), "{}", line.escape_ascii());
        }
    }
    // A header cannot carry NUL; the parser does not rely on it.
    let line = format!("x=\0; {NAME}\0={v}; \0{NAME}={v}; {NAME}={v}\0; {NAME}={v}");
    assert_eq!(decide(values(line.as_bytes(), NAME), &ring()), one(id));
}

#[test]
fn values_that_are_no_ids() {
    let v = forged();
    let zero_tag = format!("1.{}.{}.{}.{}", key(1).id(), "A".repeat(22), "A".repeat(43), "A".repeat(22));
    assert_eq!(zero_tag.len(), COOKIE_CHARS);
    for value in [
        String::new(),
        "x".into(),
        v.clone(),
        zero_tag,
        "a".repeat(COOKIE_CHARS),
        ".".repeat(COOKIE_CHARS),
        "ä".repeat(COOKIE_CHARS).chars().take(COOKIE_CHARS / 2).chain(['a']).collect(),
        "v".repeat(4096),
        "v".repeat(100_000),
        v.repeat(50),
    ] {
        assert_eq!(read_line(format!("{NAME}={value}")), Reading::default(), "{value}");
    }
}

#[test]
fn one_of_ours_among_others_wins_in_every_order() {
    let id = mint();
    let v = id.to_cookie(&ring());
    let pair = |value: &str| format!("{NAME}={value}");
    let pairs =
        [pair(&v), pair(&forged()), pair(&forged()), pair(&forged()), pair("short"), format!("sid={v}")];
    for order in permutations(&pairs) {
        assert_eq!(read_line(join(&order)), one(id));
    }
}

#[test]
fn the_same_id_twice_is_one() {
    let id = mint();
    let old = KeyRing::new(NAME, &key(9).into());
    let both = KeyRing::new(NAME, &Keys::new(key(1), [key(9)]));
    // Once under each key: two texts, one id.
    let pairs = [
        format!("{NAME}={}", id.to_cookie(&both)),
        format!("{NAME}={}", id.to_cookie(&old)),
        format!("{NAME}={}", forged()),
    ];
    for order in permutations(&pairs) {
        let headers = request(&[join(&order).into_bytes()]);
        assert_eq!(ours(read(&headers, NAME, &both)), one(id));
    }
}

#[test]
fn several_of_ours_are_read_once_each_and_in_their_order() {
    let id = mint();
    let renewed = id.with_new_verifier(Randomness::System).unwrap();
    let value = |id: SessionId| format!("{NAME}={}", id.to_cookie(&ring()));
    for pairs in [
        vec![value(id), value(mint())],
        // The same record under two verifiers: which one is current is not the cookie's to say.
        vec![value(id), value(renewed), format!("{NAME}={}", forged())],
        vec![value(id), value(id), value(mint()), format!("{NAME}=x")],
        vec![value(id), value(mint()), value(mint()), value(id)],
    ] {
        for order in permutations(&pairs) {
            let mut ids: Vec<_> = order.iter().flat_map(|pair| read_line(pair).ids).collect();
            let mut seen = Vec::new();
            ids.retain(|id| {
                !seen.contains(id) && {
                    seen.push(*id);
                    true
                }
            });
            let expected = Reading { ids, ..Reading::default() };
            assert_eq!(read_line(join(&order)), expected);
            let lines: Vec<_> = order.iter().map(|pair| pair.clone().into_bytes()).collect();
            assert_eq!(ours(read(&request(&lines), NAME, &ring())), expected);
        }
    }
}

#[test]
fn a_hundred_of_another_length_hide_nothing() {
    let id = mint();
    let v = id.to_cookie(&ring());
    for at in [0, 50, 100] {
        let mut pairs = vec![format!("{NAME}={}", "x".repeat(COOKIE_CHARS + 1)); 100];
        pairs.insert(at, format!("{NAME}={v}"));
        assert_eq!(read_line(join(&pairs)), one(id));
    }
}

#[test]
fn forged_values_in_front_hide_nothing_but_there_is_a_limit() {
    let id = mint();
    let v = id.to_cookie(&ring());
    for others in [3, 4, 63, 64, 100] {
        for at in [0, 3, 4, 63, 64, 100].into_iter().filter(|at| *at <= others) {
            let mut pairs: Vec<_> = (0..others).map(|_| format!("{NAME}={}", forged())).collect();
            pairs.insert(at, format!("{NAME}={v}"));
            let ids = if at < 64 { vec![id] } else { Vec::new() };
            assert_eq!(
                read_line(join(&pairs)),
                Reading { ids, is_flooded: others > 3, tampered: 0 },
                "{others}, ours at {at}"
            );
        }
    }
}

#[test]
fn values_of_our_length_that_are_not_ours_are_counted() {
    let ours = mint().to_cookie(&ring());
    let tampered = |values: &[&str]| decide(values.iter().map(|value| value.as_bytes()), &ring()).tampered;
    assert_eq!(tampered(&[]) + tampered(&[&ours, &ours]) + tampered(&["", "x", &ours[1..]]), 0);
    let forged = forged();
    assert_eq!((tampered(&[&forged]), tampered(&[&ours, &forged]), tampered(&[&forged, &ours])), (1, 1, 1));
    assert_eq!(tampered(&[&*forged; 64]), 64);
}

#[test]
fn four_of_ours_are_looked_up() {
    let ids: Vec<_> = (0..5).map(|_| mint()).collect();
    let pairs: Vec<_> = ids.iter().map(|id| format!("{NAME}={}", id.to_cookie(&ring()))).collect();
    assert_eq!(
        read_line(join(&pairs)),
        Reading { ids: ids.into_iter().take(4).collect(), is_flooded: true, tampered: 0 }
    );
}

#[test]
fn every_line_of_the_header_counts() {
    let id = mint();
    let ours = format!("{NAME}={}", id.to_cookie(&ring())).into_bytes();
    for order in permutations(&[ours, b"a=b; \xff".to_vec(), Vec::new(), b"c=\"".to_vec()]) {
        assert_eq!(read(&request(&order), NAME, &ring()), one(id));
    }
}

#[test]
fn every_value_is_a_candidate_for_its_name() {
    let headers = request(&[b"a=1; b=2;a= 3=3 ".to_vec(), b"A=4; a; a=;=a".to_vec()]);
    let found: Vec<_> = candidates(&headers, "a").collect();
    assert_eq!(found, [&b"1"[..], b"3=3", b""]);
}

/// Bytes that a header can carry.
fn header_bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(b'\t'), 0x20..=0x7e_u8, 0x80..=0xff_u8], 0..200)
}

/// What a hostile or broken client sends beside our cookie; never a pair of our name and an authentic value.
fn junk() -> impl Strategy<Value = Vec<u8>> {
    let names =
        prop::sample::select(vec![NAME, "__HOST-sid", "sid", "", "%5F%5FHost-sid", "\u{a0}__Host-sid"]);
    prop_oneof![
        header_bytes().prop_map(|bytes| bytes.into_iter().filter(|byte| *byte != b';').collect()),
        (names, header_bytes()).prop_map(|(name, value)| {
            let value = value.into_iter().filter(|byte| *byte != b';').take(COOKIE_CHARS - 1);
            [name.as_bytes(), b"="].concat().into_iter().chain(value).collect()
        }),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_no_session(line in vec(any::<u8>(), 0..300), name in "\\PC{0,12}") {
        prop_assert_eq!(ours(decide(values(&line, &name), &ring())), Reading::default());
    }

    #[test]
    fn any_value_of_the_right_length_is_no_session(value in vec(any::<u8>(), COOKIE_CHARS)) {
        prop_assert_eq!(ours(decide(std::iter::once(value.as_slice()), &ring())), Reading::default());
    }

    #[test]
    fn ours_is_found_in_any_company(
        before in vec(junk(), 0..8),
        after in vec(junk(), 0..8),
        padding in "[ \t]{0,3}",
        forgeries in 0..=3_usize,
        lines in any::<bool>(),
    ) {
        let id = mint();
        let mut pairs = before;
        pairs.push(format!("{padding}{NAME}{padding}={padding}{}{padding}", id.to_cookie(&ring())).into_bytes());
        pairs.extend((0..forgeries).map(|_| format!("{NAME}={}", forged()).into_bytes()));
        pairs.extend(after);
        let headers = if lines { request(&pairs) } else { request(&[pairs.join(&b';')]) };
        prop_assert_eq!(ours(read(&headers, NAME, &ring())), one(id));
    }

    #[test]
    fn the_parser_agrees_with_the_plain_reading_of_the_rule(line in "[ab=; \t\"\u{a0}]{0,40}") {
        let wsp = [' ', '\t'];
        let expected: Vec<_> = line
            .split(';')
            .filter_map(|pair| pair.split_once('='))
            .filter(|(name, _)| name.trim_matches(wsp) == "a")
            .map(|(_, value)| value.trim_matches(wsp).as_bytes())
            .collect();
        prop_assert_eq!(values(line.as_bytes(), "a").collect::<Vec<_>>(), expected);
    }
}
