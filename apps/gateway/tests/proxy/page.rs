//! The page itself, as browsers ask for it.

use crate::support::{RawClient, Running, Service, send};

#[tokio::test]
async fn the_page_is_served_on_both_addresses_under_a_policy_that_refuses_the_rest() {
    let service = Service::start().await;
    let gateway = Running::before(&service).await;

    for addr in [gateway.api, gateway.page] {
        for (path, media_type) in [
            ("/", "text/html; charset=utf-8"),
            ("/page/css/base.css", "text/css; charset=utf-8"),
            ("/page/js/main.js", "text/javascript; charset=utf-8"),
            ("/page/icon.svg", "image/svg+xml"),
        ] {
            let answer = send(addr, &format!("GET {path}"), &[], "").await;
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(answer.header("content-type"), Some(media_type), "{path}");
            assert_eq!(answer.header("cache-control"), Some("no-cache"), "{path}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
            let policy = answer.header("content-security-policy").unwrap();
            for rule in [
                "default-src 'none'",
                "frame-ancestors 'none'",
                "script-src 'self'",
            ] {
                assert!(policy.contains(rule), "{policy}");
            }
            assert!(!policy.contains("unsafe"), "{policy}");
            assert!(!answer.body.is_empty(), "{path}");
        }
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_browser_that_has_the_file_is_told_so_and_one_that_only_asks_gets_no_body() {
    let service = Service::start().await;
    let gateway = Running::before(&service).await;
    let whole = send(gateway.page, "GET /", &[], "").await;
    let tag = whole.header("etag").unwrap().to_owned();

    let again = send(
        gateway.page,
        "GET /",
        &[&format!("If-None-Match: {tag}")],
        "",
    )
    .await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.header("etag"), Some(tag.as_str()));
    assert!(again.header("content-security-policy").is_some());

    let other = send(gateway.page, "GET /", &["If-None-Match: \"older\""], "").await;
    assert_eq!((other.status, &other.body), (200, &whole.body));

    let mut asking = RawClient::connect(gateway.page).await;
    let line = "HEAD / HTTP/1.1\r\nHost: gozon\r\nConnection: close\r\n\r\n";
    asking.write(line).await;
    let head = String::from_utf8(asking.closed().await).unwrap();
    let length = format!("\r\ncontent-length: {}\r\n", whole.body.len());
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(
        head.contains(&length) && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn what_is_not_of_the_page_is_refused_as_everywhere() {
    let service = Service::start().await;
    let gateway = Running::before(&service).await;

    for path in [
        "/page/none.js",
        "/page/../Cargo.toml",
        "/page/",
        "/page",
        "/index.html",
    ] {
        send(gateway.page, &format!("GET {path}"), &[], "")
            .await
            .assert_problem(404, "not_found");
    }
    for request in ["POST /", "DELETE /page/js/main.js"] {
        send(gateway.page, request, &[], "")
            .await
            .assert_problem(405, "method_not_allowed");
    }
    gateway.stop().await;
}
