//! The frame of a page, and what goes into it.
//!
//! In: texts of visitors and of the application. Out: HTML. Never: a text that is not escaped.

use std::fmt::{self, Display, Write};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

pub(super) const STYLE: &str = include_str!("style.css");

/// A text whose `Display` escapes what is special in element content and in quoted attributes.
pub(super) struct Text<T>(pub(super) T);

impl<T: Display> Display for Text<T> {
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

/// A link to `page` with one parameter. All pages are in one folder, so links are relative and work under any path.
pub(super) fn link(page: &str, name: &str, value: impl Display) -> String {
    let value = value.to_string();
    format!("{page}?{name}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC))
}

/// A whole page.
pub(super) fn page(title: &str, notice: Option<&str>, contents: &str) -> String {
    let notice = notice.map_or_else(String::new, |notice| {
        format!("<p class=\"notice\" role=\"status\">{}</p>", Text(notice))
    });
    format!(
        "<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"robots\" content=\"noindex\">
<title>{title} · Sessions</title>
<link rel=\"icon\" href=\"data:,\">
<link rel=\"stylesheet\" href=\"style.css\">
</head>
<body>
<header>
<nav aria-label=\"Pages\"><a href=\"./\">Sessions</a> <a href=\"schemas\">Schemas</a> <a href=\"events\">Events</a> <a href=\"health\">Health</a></nav>
<form role=\"search\" action=\"find\">
<label for=\"q\">User or session</label>
<input id=\"q\" name=\"q\" placeholder=\"shop.user=7\" required>
<button>Find</button>
</form>
</header>
<main>
<h1>{title}</h1>
{notice}{contents}
</main>
</body>
</html>
",
        title = Text(title),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_special_is_left_in_a_text_or_in_a_link() {
        assert_eq!(Text("<a href='x\"&'>").to_string(), "&lt;a href=&#39;x&quot;&amp;&#39;&gt;");
        assert_eq!(link("user", "of", "shop.user=\"a&b\""), "user?of=shop%2Euser%3D%22a%26b%22");
    }
}
