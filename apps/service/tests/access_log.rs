//! What is logged of a request. Alone in its process: tracing remembers for the
//! whole process whether anyone listens.

// Helpers outside of test functions may fail a test too.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use gozon_service::settings::HttpSettings;
use gozon_service::{Health, Shell, Unlogged};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

async fn get_from(uri: &str) -> Response {
    let routes = Router::new()
        .route("/hello", get(async || "hello"))
        .route("/part", get(async || (Extension(Unlogged), "of a page")));
    let health = Health::new(CancellationToken::new());
    let app = Shell::new("probe", &HttpSettings::default(), health).wrap(routes);
    let request = Request::get(uri).body(Body::empty()).unwrap();
    app.oneshot(request).await.unwrap()
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_request_is_one_log_line_with_its_trace_and_without_what_was_sent() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_writer(move || writer.clone())
        .finish();
    let logging = tracing::subscriber::set_default(subscriber);

    let answer = get_from("/hello?user_id=mallory").await;
    get_from("/unknown/%0d%0aforged").await;
    get_from("/part").await;
    get_from("/livez").await;
    get_from("/readyz").await;
    get_from("/metrics").await;

    drop(logging);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(
        !text.contains("mallory") && !text.contains("forged"),
        "{text}"
    );
    let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(line["fields"]["http.route"], "/hello");
    assert_eq!(
        line["spans"][0]["trace_id"],
        answer.headers()["x-request-id"].to_str().unwrap()
    );
}
