//! `GET /problems/{code}`: the page that a problem's `type` points to.
//!
//! Plain pages for people, rendered from the table of codes. They load one
//! stylesheet of ours and nothing else, and their policy forbids all the rest.

use std::fmt::Write as _;

use axum::Router;
use axum::extract::Path;
use axum::http::HeaderName;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::routing::get;

use super::{Code, Problem};

const STYLE: &str = include_str!("pages.css");
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

type Page = ([(HeaderName, &'static str); 5], String);

pub(crate) fn pages() -> Router {
    Router::new()
        .route("/problems", get(async || served(HTML, index())))
        .route(
            "/problems/style.css",
            get(async || served(CSS, STYLE.to_owned())),
        )
        .route("/problems/{code}", get(page))
}

async fn page(Path(name): Path<String>) -> Result<Page, Problem> {
    let code = Code::ALL.iter().find(|code| code.as_str() == name);
    let code = code.ok_or_else(|| Problem::new(Code::NotFound, "there is no such problem"))?;
    Ok(served(HTML, explained(*code)))
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

fn served(media_type: &'static str, text: String) -> Page {
    let headers = [
        (CONTENT_TYPE, media_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        // They change with a release only.
        (CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, text)
}

fn index() -> String {
    let rows = Code::ALL.iter().fold(String::new(), |mut rows, code| {
        // Writing into a String cannot fail, here and below.
        let _ = writeln!(
            rows,
            "<tr><td>{}</td><td><a href=\"problems/{name}\"><code>{name}</code></a></td>\
             <td>{}</td><td>{}</td></tr>",
            code.status().as_u16(),
            text(code.meaning().trim()),
            code.advice().0,
            name = code.as_str(),
        );
        rows
    });
    let body = format!(
        "<h1>Problems</h1>\n\
         <p>Every error is <code>application/problem+json</code> \
         (<a href=\"https://www.rfc-editor.org/rfc/rfc9457\">RFC 9457</a>) and says what is wrong. \
         Below 500 it has changed nothing. Decide by <code>code</code>: it never changes its \
         meaning.</p>\n\
         <div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">Status</th>\
         <th scope=\"col\">Code</th><th scope=\"col\">Meaning</th><th scope=\"col\">What helps</th>\
         </tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n\
         <nav><a href=\"docs\">All operations</a></nav>"
    );
    document("Problems", "problems/style.css", &body)
}

fn explained(code: Code) -> String {
    let (remedy, how) = code.advice();
    let body = format!(
        "<p class=\"status\">{} <code>{}</code></p>\n<h1>{}</h1>\n<p>{}</p>\n\
         <h2>What helps: {remedy}</h2>\n<p>{}</p>\n\
         <h2>What the answer looks like</h2>\n<pre tabindex=\"0\">{}</pre>\n\
         <nav><a href=\"../problems\">All problems</a> <a href=\"../docs\">All operations</a></nav>",
        code.status().as_u16(),
        code.as_str(),
        code.title(),
        text(code.meaning().trim()),
        text(how),
        escaped(&indented(&code.example())),
    );
    document(code.title(), "style.css", &body)
}

/// Paths are relative, so that they hold behind a gateway that adds a prefix.
fn document(title: &str, style: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title} – Gozon</title>\n<link rel=\"stylesheet\" href=\"{style}\">\n</head>\n\
         <body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )
}

fn indented(problem: &Problem) -> String {
    // Strings and numbers always serialize.
    serde_json::to_string_pretty(&problem.0).unwrap_or_default()
}

/// Escapes; what stands between backticks is code.
fn text(text: &str) -> String {
    let parts = escaped(text);
    parts
        .split('`')
        .enumerate()
        .fold(String::new(), |mut html, (n, part)| {
            let _ = match n % 2 {
                0 => write!(html, "{part}"),
                _ => write!(html, "<code>{part}</code>"),
            };
            html
        })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_what_it_means_what_helps_and_shows_the_answer() {
        let page = explained(Code::IdempotencyKeyReused);

        assert!(page.contains("<h1>Idempotency key reused</h1>"), "{page}");
        assert!(page.contains("What helps: Mend the request"), "{page}");
        assert!(
            page.contains("&quot;code&quot;: &quot;idempotency_key_reused&quot;"),
            "{page}"
        );
        for code in Code::ALL {
            assert!(index().contains(&format!("problems/{}\"", code.as_str())));
        }
    }

    #[test]
    fn what_stands_between_backticks_is_code_and_nothing_is_markup() {
        assert_eq!(text("a `b` <c>"), "a <code>b</code> &lt;c&gt;");
        for code in Code::ALL {
            let (_, how) = code.advice();
            assert_eq!(how.matches('`').count() % 2, 0, "{code:?}");
        }
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere_and_nothing_stands_inline() {
        for page in Code::ALL
            .iter()
            .map(|code| explained(*code))
            .chain([index()])
        {
            for word in ["<script", "<style", "style=\"", "src=", "@import"] {
                assert!(!page.contains(word), "{word} in {page}");
            }
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }
}
