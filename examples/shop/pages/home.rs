//! The pages of the shop.
//!
//! In: the session, read-only. Out: HTML. Never: puts a visitor's text into a page without [`text`], which escapes everything that is
//! special in element content and in quoted attributes.

use std::{
    fmt::{self, Write},
    time::{Duration, SystemTime},
};

use actix_typed_session::{Session, SessionInfo, record::Timestamp};

use crate::{
    goods::{TEAS, Tea, find},
    routes::PASSWORD,
    state::{Line, MOST, Shop, Theme},
};

pub(crate) const STYLE: &str = include_str!("style.css");

/// A text whose `Display` escapes it for HTML.
struct Escaped<T>(T);

const fn text<T: fmt::Display>(text: T) -> Escaped<T> {
    Escaped(text)
}

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.to_string().chars() {
            match letter {
                '&' => f.write_str("&amp;"),
                '<' => f.write_str("&lt;"),
                '>' => f.write_str("&gt;"),
                '"' => f.write_str("&quot;"),
                '\'' => f.write_str("&#39;"),
                other => f.write_char(other),
            }?;
        }
        Ok(())
    }
}

/// The main page.
pub(crate) fn shop(shop: &Shop, session: &Session, notice: Option<&str>) -> String {
    let inside = inside(shop, session, notice);
    let notice = noticed(notice);
    let teas: String = TEAS.iter().map(tea).collect();
    let (cart, person) = (cart(shop), person(shop));
    frame(
        shop.theme,
        &format!(
            "{header}
<main>
{notice}
<section class=\"goods\" aria-labelledby=\"goods\"><h2 id=\"goods\">Today’s leaves</h2>
<ul>{teas}</ul></section>
<div class=\"side\">{cart}{person}</div>
{inside}
</main>",
            header = header(shop),
        ),
    )
}

/// The page "Your devices".
pub(crate) fn devices(shop: &Shop, sessions: &[SessionInfo], notice: Option<&str>) -> String {
    let list: String = sessions.iter().map(device).collect();
    let contents = if sessions.is_empty() {
        "<p class=\"empty\">Nobody is signed in. <a href=\"/#person\">Sign in</a> here and in another browser to see both in this list.</p>"
            .to_owned()
    } else {
        format!(
            "<ul>{list}</ul>
<form method=\"post\" action=\"/devices/end-others\"><button class=\"quiet\">Sign out the others</button></form>
<form method=\"post\" action=\"/devices/end-all\"><button class=\"quiet\">Sign out everywhere</button></form>"
        )
    };
    frame(
        shop.theme,
        &format!(
            "{header}
<main>
{notice}
<section class=\"devices\" aria-labelledby=\"devices-title\"><h2 id=\"devices-title\">Your devices</h2>
{contents}
<p><a href=\"/\">Back to the shop</a></p></section>
</main>",
            header = header(shop),
            notice = noticed(notice),
        ),
    )
}

fn device(session: &SessionInfo) -> String {
    let now = Timestamp::from(SystemTime::now());
    let label = session.label.as_deref().unwrap_or("An unknown browser");
    let end = if session.is_current {
        "<strong>This browser</strong>".to_owned()
    } else {
        format!(
            "<form method=\"post\" action=\"/devices/end\"><button class=\"quiet\" name=\"id\" value=\"{id}\" aria-label=\"Sign out {label}\">Sign out</button></form>",
            id = session.public_id,
            label = text(label),
        )
    };
    format!(
        "<li><span><span class=\"name\">{label}</span> <small>signed in {signed_in} ago, seen {seen} ago</small></span>{end}</li>",
        label = text(label),
        signed_in = span(now.since(session.authenticated.unwrap_or(session.created))),
        seen = span(now.since(session.last_seen)),
    )
}

fn noticed(notice: Option<&str>) -> String {
    notice.map_or_else(String::new, |notice| {
        format!("<p class=\"notice\" role=\"status\">{}</p>", text(notice))
    })
}

pub(crate) fn missing() -> String {
    frame(
        Theme::Light,
        "<main class=\"missing\"><h1>There is nothing here.</h1><p><a href=\"/\">Go to the shop</a></p></main>",
    )
}

fn frame(theme: Theme, body: &str) -> String {
    format!(
        "<!doctype html>
<html lang=\"en\" data-theme=\"{theme}\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"{theme}\">
<title>Tea, kept in a typed session</title>
<link rel=\"icon\" href=\"data:,\">
<link rel=\"stylesheet\" href=\"/style.css\">
</head>
<body>
{body}
</body>
</html>
"
    )
}

fn header(shop: &Shop) -> String {
    let who = shop.customer.as_deref().map_or_else(
        || "<a href=\"/#person\">Sign in</a>".to_owned(),
        |name| format!("<a href=\"/#person\" class=\"who\">{}</a>", text(name)),
    );
    format!(
        "<header>
<h1><svg viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"M4 20C4 9 11 4 21 3c0 10-5 17-15 16m-2 2c2-6 6-9 10-11\"/></svg>Leaf &amp; Line</h1>
<nav aria-label=\"Shop\">{who}<a href=\"/#cart\">Cart <span class=\"count\">{count}</span></a>
<form method=\"post\" action=\"/theme\"><button class=\"quiet\">{other} theme</button></form></nav>
</header>",
        count = shop.count(),
        other = if shop.theme == Theme::Light { "Dark" } else { "Light" },
    )
}

fn tea(tea: &Tea) -> String {
    let Tea { sku, name, taste, price, colour } = tea;
    format!(
        "<li><svg viewBox=\"0 0 64 44\" aria-hidden=\"true\"><path class=\"cup\" d=\"M8 8h40v12c0 12-8 18-20 18S8 32 8 20z M48 12h4c9 0 9 14-2 14h-4\"/>\
<ellipse class=\"rim\" cx=\"28\" cy=\"9\" rx=\"20\" ry=\"6\"/><ellipse cx=\"28\" cy=\"10\" rx=\"16.5\" ry=\"4.2\" fill=\"{colour}\"/></svg>
<div><h3>{name}</h3><p>{taste}</p></div>
<form method=\"post\" action=\"/cart/add\"><span class=\"price\">{price}</span><button name=\"sku\" value=\"{sku}\" aria-label=\"Add {name} to the cart\">Add</button></form></li>"
    )
}

fn cart(shop: &Shop) -> String {
    let mut lines = String::new();
    for Line { sku, quantity } in &shop.cart {
        let Some(Tea { name, price, .. }) = find(*sku) else { continue };
        let _ = write!(
            lines,
            "<li><span class=\"name\">{name} <small>{price}</small></span>
<form method=\"post\" action=\"/cart/quantity\"><input type=\"hidden\" name=\"sku\" value=\"{sku}\">
<input type=\"number\" name=\"quantity\" value=\"{quantity}\" min=\"0\" max=\"{MOST}\" required aria-label=\"How many {name}\">
<button class=\"quiet\">Change</button><button class=\"quiet\" name=\"remove\" value=\"yes\" formnovalidate aria-label=\"Remove {name}\">×</button></form></li>"
        );
    }
    let contents = if lines.is_empty() {
        "<p class=\"empty\">Nothing yet.</p>".to_owned()
    } else {
        format!(
            "<ul>{lines}</ul><p class=\"total\"><span>Total</span> <strong>{}</strong></p>
<form method=\"post\" action=\"/order\"><button class=\"wide\">Order</button></form>",
            shop.total()
        )
    };
    format!(
        "<section class=\"cart\" id=\"cart\" aria-labelledby=\"cart-title\"><h2 id=\"cart-title\">Your cart</h2>{contents}</section>"
    )
}

fn person(shop: &Shop) -> String {
    let contents = match &shop.customer {
        Some(name) => format!(
            "<h2 id=\"person-title\">Hello, {}</h2><p>Signing in gave your session a new id and kept the cart.</p>
<p><a href=\"/devices\">Your devices</a></p>
<form method=\"post\" action=\"/sign-out\"><button class=\"wide quiet\">Sign out</button></form>",
            text(name)
        ),
        None => format!(
            "<h2 id=\"person-title\">Sign in</h2>
<form method=\"post\" action=\"/sign-in\">
<label>Name <input name=\"name\" required maxlength=\"40\" autocomplete=\"username\"></label>
<label>Password <input name=\"password\" type=\"password\" required autocomplete=\"off\" aria-describedby=\"hint\"></label>
<p id=\"hint\">Any name will do. The password is <code>{PASSWORD}</code>.</p>
<button class=\"wide\">Sign in</button></form>"
        ),
    };
    format!("<section id=\"person\" aria-labelledby=\"person-title\">{contents}</section>")
}

/// The section that shows the contents of the session.
fn inside(shop: &Shop, session: &Session, notice: Option<&str>) -> String {
    let (Some(id), Some(created), Some(left)) =
        (session.public_id(), session.created(), session.expires_in())
    else {
        return "<section class=\"inside\" aria-labelledby=\"inside-title\"><h2 id=\"inside-title\">Your session</h2>
<p>There is none yet: looking around stores nothing and sets no cookie. Add a tea to begin one.</p></section>"
            .to_owned();
    };
    let age = Timestamp::from(SystemTime::now()).since(created);
    let mut rows = String::new();
    for (field, value) in fields(shop, notice) {
        let _ = write!(
            rows,
            "<tr><th scope=\"row\"><code>shop.{field}</code></th><td><code>{}</code></td></tr>",
            text(value)
        );
    }
    format!(
        "<section class=\"inside\" aria-labelledby=\"inside-title\"><h2 id=\"inside-title\">Your session</h2>
<dl>
<div><dt>Public id</dt><dd><code>{id}</code> <small>names the session, but cannot open it; it stays the same when you sign in, while the secret half of the cookie changes</small></dd></div>
<div><dt>Began</dt><dd>{} ago</dd></div>
<div><dt>Expires in</dt><dd>{} <small>if you do not come back</small></dd></div>
</dl>
<table><caption>Its fields, as JSON</caption><tbody>{rows}</tbody></table></section>",
        span(age),
        span(left),
    )
}

/// Every field with its value.
fn fields(shop: &Shop, notice: Option<&str>) -> [(&'static str, String); 5] {
    // The pattern has no `..`, so the compiler reports it if a field is added to the state and not shown here.
    let Shop { customer, cart, theme, orders, notice: _ } = shop;
    let json = |value: Result<String, serde_json::Error>| value.unwrap_or_else(|error| error.to_string());
    let notice = match notice {
        Some(notice) => format!("{} → null, now that it was shown", json(serde_json::to_string(notice))),
        None => "null".to_owned(),
    };
    [
        ("customer", json(serde_json::to_string(customer))),
        ("cart", json(serde_json::to_string(cart))),
        ("theme", json(serde_json::to_string(theme))),
        ("orders", json(serde_json::to_string(orders))),
        ("notice", notice),
    ]
}

/// Formats a duration for people, such as `5 min`.
fn span(duration: Duration) -> String {
    let seconds = (duration + Duration::from_millis(500)).as_secs();
    match (seconds, seconds / 60, seconds / 3600) {
        (_, 0, _) => format!("{seconds} s"),
        (_, minutes, 0) => format!("{minutes} min"),
        (_, minutes, hours) => format!("{hours} h {} min", minutes % 60),
    }
}
