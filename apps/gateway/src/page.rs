//! The page for people: static files, part of the binary, served as they are.
//!
//! No build step and nothing from elsewhere, so the policy that a browser is
//! given can refuse everything but this folder and this API.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use gozon_service::{Code, Problem, Unlogged};
use sha2::{Digest, Sha256};

/// What the page may do. `connect-src 'self'` is this API, WebSocket included;
/// trusted types make the browser itself refuse text that would become HTML.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The file that `/` answers with.
const FRONT: &str = "index.html";

macro_rules! files {
    ($($name:literal,)+) => {
        /// Every file of the page, with its name below `/page/`.
        const FILES: &[(&str, &[u8])] = &[
            $(($name, include_bytes!(concat!("../page/", $name))),)+
        ];
    };
}

files! {
    "css/base.css",
    "css/frame.css",
    "css/journey.css",
    "css/tokens.css",
    "css/views.css",
    "icon.svg",
    "index.html",
    "js/account.js",
    "js/api.js",
    "js/clock.js",
    "js/coalesced.js",
    "js/dom.js",
    "js/early.js",
    "js/fields.js",
    "js/form.js",
    "js/header.js",
    "js/i18n.js",
    "js/icons.js",
    "js/intentions.js",
    "js/listening.js",
    "js/main.js",
    "js/memory.js",
    "js/money.js",
    "js/names.js",
    "js/notify.js",
    "js/offline.js",
    "js/orders.js",
    "js/prices.js",
    "js/problems.js",
    "js/router.js",
    "js/session.js",
    "js/socket.js",
    "js/theme.js",
    "js/toasts.js",
    "js/views/account.js",
    "js/views/basket.js",
    "js/views/choose.js",
    "js/views/empty.js",
    "js/views/journey.js",
    "js/views/missing.js",
    "js/views/order.js",
    "js/views/orders.js",
    "js/views/shop.js",
    "js/views/statement.js",
    "js/words/en.js",
    "js/words/ru.js",
}

/// `/` and `/page/…`.
pub(crate) fn routes() -> Router {
    let page: Page = Arc::new(FILES.iter().map(|file| (file.0, Asset::of(file))).collect());
    Router::new()
        .route("/", get(front))
        .route("/page/{*name}", get(file))
        .with_state(page)
}

type Page = Arc<HashMap<&'static str, Asset>>;

struct Asset {
    bytes: &'static [u8],
    media_type: HeaderValue,
    tag: HeaderValue,
}

impl Asset {
    fn of(&(name, bytes): &(&str, &'static [u8])) -> Self {
        let hash: String = Sha256::digest(bytes)[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            bytes,
            media_type: HeaderValue::from_static(media_type(name)),
            // Hexadecimal digits are always a header's value.
            tag: HeaderValue::try_from(format!("\"{hash}\""))
                .unwrap_or(HeaderValue::from_static("\"\"")),
        }
    }

    /// The file, or only the news that the browser has it already.
    fn answer(&self, request: &HeaderMap) -> Response {
        let known = request
            .get_all(IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|tags| names(tags, &self.tag));
        let mut response = if known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let mut response = Response::new(Body::from(self.bytes));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, self.media_type.clone());
            response
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, self.tag.clone());
        for (name, value) in [
            // Kept, but asked about each time: the files change together.
            (CACHE_CONTROL, "no-cache"),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
            (OPENER_POLICY, "same-origin"),
            (RESOURCE_POLICY, "same-origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

async fn front(State(page): State<Page>, headers: HeaderMap) -> Response {
    answer(&page, FRONT, &headers)
}

async fn file(State(page): State<Page>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let mut answer = answer(&page, &name, &headers);
    if page.contains_key(name.as_str()) {
        answer.extensions_mut().insert(Unlogged);
    }
    answer
}

fn answer(page: &Page, name: &str, headers: &HeaderMap) -> Response {
    match page.get(name) {
        Some(asset) => asset.answer(headers),
        None => Problem::new(Code::NotFound, "the page has no such file").into_response(),
    }
}

/// Whether an `If-None-Match` names this tag, by weak comparison
/// ([RFC 9110, 13.1.2](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2)).
fn names(tags: &str, tag: &HeaderValue) -> bool {
    tags.split(',')
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one).as_bytes() == tag.as_bytes())
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path as FsPath;

    use super::*;

    fn names_below(folder: &FsPath, prefix: &str, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                names_below(&entry.path(), &format!("{name}/"), found);
            } else {
                found.insert(name);
            }
        }
    }

    fn text(name: &str) -> &'static str {
        let (_, bytes) = FILES.iter().find(|(file, _)| *file == name).unwrap();
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn every_file_of_the_folder_is_served_and_has_a_media_type() {
        let folder = FsPath::new(env!("CARGO_MANIFEST_DIR")).join("page");
        let mut found = BTreeSet::new();
        names_below(&folder, "", &mut found);

        let served: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(served, found);
        for name in &served {
            assert_ne!(media_type(name), "application/octet-stream", "{name}");
        }
    }

    #[test]
    fn the_front_names_every_style_and_every_module_so_that_they_load_at_once() {
        let front = text(FRONT);

        for (name, _) in FILES.iter().filter(|(name, _)| *name != FRONT) {
            assert!(front.contains(&format!("\"/page/{name}\"")), "{name}");
        }
    }

    #[test]
    fn nothing_in_the_page_reads_text_as_html_or_leads_elsewhere() {
        for (name, _) in FILES {
            let text = text(name);
            for danger in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "Function(",
                "https://",
                "//cdn",
                "style=\"",
            ] {
                assert!(!text.contains(danger), "{danger} in {name}");
            }
        }
    }

    #[test]
    fn a_tag_is_recognised_in_every_form_that_browsers_send() {
        let tag = HeaderValue::from_static("\"a\"");

        for known in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "\"b\",W/\"a\"", "*"] {
            assert!(names(known, &tag), "{known}");
        }
        for other in ["", "\"b\"", "a", "W/\"b\"", "\"ab\""] {
            assert!(!names(other, &tag), "{other}");
        }
    }
}
