//! The shop of three releases.

/// Release 1.
pub(super) mod v1 {
    use actix_typed_session::SessionState;

    #[derive(SessionState)]
    #[session(name = "shop", version = 1, lock = off)]
    pub(crate) struct Shop {
        #[session(principal)]
        pub(crate) user_id: Option<u64>,
        pub(crate) nick: Option<String>,
        pub(crate) name: Option<String>,
        #[session(default)]
        pub(crate) theme: String,
        #[session(default)]
        pub(crate) cart: Vec<u32>,
    }
}

/// Release 2: adds `locale`, removes `theme`, and renames a field of the struct.
pub(super) mod v2 {
    use actix_typed_session::SessionState;

    #[derive(SessionState)]
    #[session(name = "shop", version = 2, lock = off, removed(key = "theme", from = String, since = 2))]
    pub(crate) struct Shop {
        #[session(principal)]
        pub(crate) user_id: Option<u64>,
        #[session(key = "nick")]
        pub(crate) display_name: Option<String>,
        pub(crate) name: Option<String>,
        #[session(since = 2, default = "en".to_owned())]
        pub(crate) locale: String,
        #[session(default)]
        pub(crate) cart: Vec<u32>,
    }
}

macro_rules! third {
    ($($more:tt)*) => {
        use super::*;
        use actix_typed_session::SessionState;

        #[derive(SessionState)]
        #[session(name = "shop", version = 3, lock = off, removed(key = "theme", from = String, since = 2) $($more)*)]
        #[session(step(since = 3, from(name: Option<String>), to(first, last), up = split, down = join))]
        pub(crate) struct Shop {
            #[session(principal)]
            pub(crate) user_id: Option<u64>,
            #[session(key = "nick")]
            pub(crate) display_name: Option<String>,
            #[session(since = 2, default = "en".to_owned())]
            pub(crate) locale: String,
            #[session(default, changed(since = 3, from = Vec<u32>, up = skus_to_lines, down = lines_to_skus, merge = keep_qty))]
            pub(crate) cart: Vec<Line>,
            #[session(since = 3)]
            pub(crate) first: Option<String>,
            #[session(since = 3)]
            pub(crate) last: Option<String>,
        }
    };
}

/// Release 3: cart lines get quantities, and `name` is split in two.
pub(super) mod v3 {
    third!();
}

/// Release 3 once no binary of release 2 runs any more.
#[allow(deprecated)] // `down` is unused here, because both modules share one text
pub(super) mod v3b {
    third!(, oldest_reader = 3);
}

#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Line {
    pub(super) sku: u32,
    pub(super) qty: u32,
}

pub(super) fn line(sku: u32, qty: u32) -> Line {
    Line { sku, qty }
}

fn skus_to_lines(skus: Vec<u32>) -> Vec<Line> {
    skus.into_iter().map(|sku| line(sku, 1)).collect()
}

fn lines_to_skus(lines: Vec<Line>) -> Vec<u32> {
    lines.into_iter().map(|line| line.sku).collect()
}

fn keep_qty(edited: Vec<u32>, before: Vec<Line>) -> Vec<Line> {
    let of = |sku| before.iter().find(|line| line.sku == sku).map_or(1, |line| line.qty);
    edited.into_iter().map(|sku| line(sku, of(sku))).collect()
}

fn split(name: Option<String>) -> (Option<String>, Option<String>) {
    let Some(name) = name else { return (None, None) };
    match name.split_once(' ') {
        Some((first, last)) => (Some(first.to_owned()), Some(last.to_owned())),
        None => (Some(name), None),
    }
}

fn join((first, last): (Option<String>, Option<String>)) -> Option<String> {
    match (first, last) {
        (Some(first), Some(last)) => Some(format!("{first} {last}")),
        (first, last) => first.or(last),
    }
}

pub(super) fn laws() {
    for skus in [vec![], vec![11], vec![11, 12, 13]] {
        assert_eq!(lines_to_skus(skus_to_lines(skus.clone())), skus);
        let lines: Vec<Line> = skus.iter().map(|sku| line(*sku, sku % 3)).collect();
        assert_eq!(keep_qty(lines_to_skus(lines.clone()), lines.clone()), lines);
    }
    for name in [None, Some("Ada"), Some("Ada Lovelace"), Some("Ada King Lovelace")] {
        let name = name.map(str::to_owned);
        assert_eq!(join(split(name.clone())), name);
    }
}
