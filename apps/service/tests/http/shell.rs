//! What every service has around its own routes.

// Helpers outside of test functions may fail a test too.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use axum::routing::get;
use gozon_service::settings::HttpSettings;
use gozon_service::{Health, Problem, Shell, openapi};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Says hello.
#[utoipa::path(
    get,
    path = "/hello",
    responses((status = 200, body = String), (status = 422, body = Problem)),
    security(("user_id" = []))
)]
async fn hello() -> &'static str {
    "hello"
}

fn app_with(health: Health, settings: &HttpSettings) -> Router {
    let base = openapi::base("Probe", "1.2.3", "A probe.");
    let (routes, document) = OpenApiRouter::with_openapi(base)
        .routes(routes!(hello))
        .split_for_parts();
    let routes = routes.route("/slow", get(std::future::pending::<String>));
    Shell::new("probe", settings, health)
        .with_document(document)
        .wrap(routes)
}

fn app() -> Router {
    let health = Health::new(CancellationToken::new());
    app_with(health, &HttpSettings::default())
}

async fn get_from(app: Router, uri: &str) -> Response {
    let request = Request::get(uri).body(Body::empty()).unwrap();
    app.oneshot(request).await.unwrap()
}

async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn json(response: Response) -> Value {
    serde_json::from_str(&text(response).await).unwrap()
}

#[tokio::test]
async fn the_documentation_works_offline_and_behind_a_prefix() {
    let docs = get_from(app(), "/docs").await;
    assert_eq!(docs.status(), StatusCode::SEE_OTHER);
    assert_eq!(docs.headers()["location"], "docs/");

    let page = text(get_from(app(), "/docs/").await).await;
    assert!(page.contains("swagger-ui"), "{page}");
    assert!(!page.contains("https://"), "{page}");
    let start = text(get_from(app(), "/docs/swagger-initializer.js").await).await;
    assert!(start.contains("../openapi.json"), "{start}");
    let bundle = get_from(app(), "/docs/swagger-ui-bundle.js").await;
    assert_eq!(bundle.status(), StatusCode::OK);
    let missing = get_from(app(), "/docs/nothing").await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_document_holds_the_routes_the_identity_and_the_problem() {
    let document = json(get_from(app(), "/openapi.json").await).await;

    assert_eq!(document["info"]["title"], "Probe");
    assert!(document["paths"]["/hello"]["get"].is_object());
    let components = &document["components"];
    assert_eq!(
        components["securitySchemes"]["user_id"]["name"],
        "X-User-Id"
    );
    let problem = &components["schemas"]["Problem"]["properties"];
    for member in [
        "type", "title", "status", "detail", "code", "errors", "trace_id",
    ] {
        assert!(problem[member].is_object(), "{member}: {problem}");
    }
    assert!(problem["code_value"].is_null() && problem["retry_after"].is_null());
    assert!(
        !document.to_string().contains("schemas/Body\""),
        "{document}"
    );
}

#[tokio::test]
async fn documents_of_several_services_become_one() {
    let part = |title: &str| openapi::base(title, "1", "");
    let (_, hello) = OpenApiRouter::<()>::with_openapi(part("hello"))
        .routes(routes!(hello))
        .split_for_parts();

    let merged = openapi::merge(part("all"), [part("nothing"), hello]);

    let document: Value = serde_json::from_str(&merged.to_json().unwrap()).unwrap();
    assert_eq!(document["info"]["title"], "all");
    assert!(document["paths"]["/hello"].is_object());
    assert!(document["components"]["schemas"]["Problem"].is_object());
}

#[tokio::test]
async fn a_trace_is_continued_or_begun() {
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = Request::get("/hello")
        .header("traceparent", format!("00-{id}-00f067aa0ba902b7-01"))
        .body(Body::empty())
        .unwrap();

    let continued = app().oneshot(request).await.unwrap();
    let begun = get_from(app(), "/hello").await;

    assert_eq!(continued.headers()["x-request-id"], id);
    assert_eq!(begun.headers()["x-request-id"].len(), 32);
}

#[tokio::test]
async fn requests_are_counted_by_route() {
    gozon_service::telemetry::render(); // installs the recorder
    get_from(app(), "/hello").await;

    let metrics = text(get_from(app(), "/metrics").await).await;

    let line = metrics
        .lines()
        .find(|line| line.starts_with("gozon_http_requests_total") && line.contains("/hello"))
        .unwrap();
    for label in ["service=\"probe\"", "method=\"GET\"", "status=\"200\""] {
        assert!(line.contains(label), "{line}");
    }
    assert!(metrics.contains("gozon_http_request_duration_seconds_bucket"));
}

#[tokio::test]
async fn live_does_not_depend_and_ready_does() {
    let stopping = CancellationToken::new();
    let health = Health::new(stopping.clone())
        .with_check("fine", async || Ok(()))
        .with_check("broker", async || Err("gone".to_owned()));
    let app = app_with(health, &HttpSettings::default());

    let live = get_from(app.clone(), "/livez").await;
    let ready = get_from(app.clone(), "/readyz").await;
    let verbose = get_from(app, "/readyz?verbose").await;

    assert_eq!(live.status(), StatusCode::OK);
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.headers()["retry-after"], "1");
    let problem = json(ready).await;
    assert_eq!(problem["code"], "not_ready");
    assert_eq!(problem["detail"], "not ready: broker");
    assert_eq!(verbose.status(), StatusCode::SERVICE_UNAVAILABLE);
    let report = json(verbose).await;
    assert_eq!(report["checks"][0]["ready"], true);
    assert_eq!(report["checks"][1]["detail"], "gone");
}

#[tokio::test]
async fn a_service_that_is_told_to_stop_is_live_and_not_ready() {
    let stopping = CancellationToken::new();
    let app = app_with(Health::new(stopping.clone()), &HttpSettings::default());
    assert_eq!(
        get_from(app.clone(), "/readyz").await.status(),
        StatusCode::OK
    );

    stopping.cancel();

    let ready = get_from(app.clone(), "/readyz").await;
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get_from(app, "/livez").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let settings = HttpSettings {
        request_timeout: Duration::from_millis(20),
        ..HttpSettings::default()
    };
    let app = app_with(Health::new(CancellationToken::new()), &settings);

    let response = get_from(app, "/slow").await;

    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(json(response).await["code"], "timed_out");
}

#[tokio::test]
async fn the_type_of_a_problem_is_a_page() {
    let problem = json(get_from(app(), "/nothing").await).await;

    let page = get_from(app(), problem["type"].as_str().unwrap()).await;

    assert_eq!(page.status(), StatusCode::OK);
    assert!(text(page).await.contains("Not found"));
    assert!(
        text(get_from(app(), "/problems").await)
            .await
            .contains("invalid_body")
    );
}
