//! What a service answers to input that it should not accept: one table, in
//! the numbering of the design's list of forty bad inputs.

// Helpers outside of test functions may fail a test too.
#![allow(clippy::unwrap_used)]

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use gozon_service::settings::HttpSettings;
use gozon_service::{
    Amount, Description, Health, IdempotencyKey, Json, Page, PathId, Problem, Shell, SocketUser,
    UserId, fingerprint,
};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOrder {
    amount: Amount,
    description: Description,
}

async fn create(
    user: UserId,
    key: Option<IdempotencyKey>,
    Json(order): Json<NewOrder>,
) -> Result<Json<Value>, Problem> {
    let fingerprint = fingerprint("/orders", &order)?;
    Ok(Json(json!({
        "user": user,
        "key": key.as_ref().map(IdempotencyKey::as_str),
        "amount": order.amount,
        "description": order.description,
        "fingerprint": fingerprint,
    })))
}

async fn list(_: UserId, page: Page) -> Json<u32> {
    Json(page.limit)
}

async fn read(_: UserId, PathId(id): PathId) -> String {
    id.to_string()
}

async fn socket(SocketUser(user): SocketUser) -> String {
    user.into()
}

async fn fall_over() -> String {
    // What the world should never see.
    assert!(std::env::args().count() == 0, "hunter2");
    String::new()
}

fn app() -> Router {
    let routes = Router::new()
        .route("/orders", post(create).get(list))
        .route("/orders/{id}", get(read))
        .route("/ws", get(socket))
        .route("/panic", get(fall_over))
        .route("/text", get(async || (StatusCode::CONFLICT, "plain text")));
    let health = Health::new(CancellationToken::new());
    Shell::new("probe", &HttpSettings::default(), health).wrap(routes)
}

async fn send(request: Request<Body>) -> Response {
    app().oneshot(request).await.unwrap()
}

async fn body(response: Response) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

fn order(body: impl Into<Body>) -> Request<Body> {
    Request::post("/orders")
        .header("x-user-id", "alice")
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap()
}

/// Status, code and the place that the problem names. Every answer must be a
/// problem of the contract.
async fn refusal(request: Request<Body>) -> (u16, String, String) {
    let response = send(request).await;
    let status = response.status().as_u16();
    let id = header(response.headers(), "x-request-id");
    assert_eq!(
        header(response.headers(), "content-type"),
        "application/problem+json"
    );
    let problem = body(response).await;
    assert_eq!(problem["status"], status);
    assert_eq!(problem["trace_id"], id);
    let code = problem["code"].as_str().unwrap().to_owned();
    assert_eq!(problem["type"], format!("/problems/{code}"));
    for member in ["title", "detail"] {
        assert!(!problem[member].as_str().unwrap().is_empty(), "{problem}");
    }
    let error = &problem["errors"][0];
    let place = ["pointer", "parameter", "header"]
        .iter()
        .find_map(|kind| error[kind].as_str())
        .unwrap_or("-");
    (status, code, place.to_owned())
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers[name].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_good_order_is_read_as_it_was_written() {
    let text =
        r#" { "description" : "'; DROP TABLE orders;\r\n\u00e9" , "amount" : 1000000000000 } "#;
    let mut request = order(text);
    request
        .headers_mut()
        .insert("idempotency-key", "\"k 1\"".parse().unwrap());

    let answer = body(send(request).await).await;

    assert_eq!(answer["user"], "alice");
    assert_eq!(answer["key"], "k 1");
    assert_eq!(answer["amount"], 1_000_000_000_000_i64);
    assert_eq!(answer["description"], "'; DROP TABLE orders;\r\né");
}

#[tokio::test]
async fn unreadable_and_refused_bodies_are_told_apart_and_the_field_is_named() {
    let amount = |value: &str| format!(r#"{{"amount":{value},"description":"a"}}"#);
    let description = |value: &str| format!(r#"{{"amount":1,"description":{value}}}"#);
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let long = |length: usize| format!("\"{}\"", "x".repeat(length));
    let bodies: Vec<(u16, &str, String)> = vec![
        (400, "-", String::new()),                         // 1
        (400, "-", "  \n".to_owned()),                     // 1
        (400, "-", r#"{"amount":1,"descr"#.to_owned()),    // 2
        (422, "", amount("1").replace(['{'], "[{") + "]"), // 3
        (422, "", r#"[1,"a"]"#.to_owned()),                // 3
        (422, "", "null".to_owned()),                      // 3
        (422, "", "1e400".to_owned()),                     // 3
        (422, "", nested(200)),                            // 4
        (422, "/amount", amount(&nested(200))),            // 4
        (422, "/amount", amount(&nested(20_000))),         // 4
        (
            422,
            "/amount",
            r#"{"amount":1,"amount":1,"description":"a"}"#.to_owned(),
        ), // 5
        (
            422,
            "/amount",
            r#"{"amount":1,"\u0061mount":1,"description":"a"}"#.to_owned(),
        ), // 5
        (
            422,
            "/status",
            r#"{"amount":1,"description":"a","status":"FINISHED"}"#.to_owned(),
        ), // 6
        (
            422,
            "/a~1b",
            r#"{"amount":1,"description":"a","a/b":1}"#.to_owned(),
        ), // 6
        (422, "/amount", amount("-1")),                    // 7
        (422, "/amount", amount("0")),                     // 8
        (422, "/amount", amount("-0")),                    // 8
        (422, "/amount", amount("1e400")),                 // 9
        (422, "/amount", amount("-1e400")),                // 9
        (400, "-", amount("NaN")),                         // 10
        (400, "-", amount("Infinity")),                    // 10
        (422, "/amount", amount("0.001")),                 // 11
        (422, "/amount", amount("1.0")),                   // 11
        (422, "/amount", amount("1e2")),                   // 11
        (422, "/amount", amount("9223372036854775808")),   // 12
        (422, "/amount", amount("9223372036854775807")),   // 12
        (422, "/amount", amount("1000000000001")),         // 12
        (422, "/amount", amount("99999999999999999999999999")), // 12
        (422, "/amount", amount("\"100\"")),               // 13
        (422, "/amount", amount("null")),                  // 14
        (422, "/amount", amount("true")),
        (422, "/amount", amount("{}")),
        (422, "/amount", r#"{"description":"a"}"#.to_owned()),
        (422, "/description", r#"{"amount":1}"#.to_owned()),
        (422, "/description", description(r#""a\u0000b""#)), // 15
        (400, "-", description("\"a\0b\"")),                 // 15, raw
        (422, "/description", description(r#""\ud800""#)),   // 16
        (422, "", r#"{"\ud800":1}"#.to_owned()),             // 16
        (422, "/description", description("\"\"")),
        (422, "/description", description(&long(256))),
        (422, "/description", description(&long(60_000))),
        (422, "/description", description("7")),
        (400, "-", amount("1") + "{}"),
        (400, "-", format!("\u{feff}{}", amount("1"))),
    ];
    for (status, place, text) in bodies {
        let shown: String = text.chars().take(80).collect();
        let code = if status == 400 {
            "malformed_body"
        } else {
            "invalid_body"
        };

        let refused = refusal(order(text)).await;

        assert_eq!(
            refused,
            (status, code.to_owned(), place.to_owned()),
            "{shown}"
        );
    }
    let not_utf8 = refusal(order(b"{\"a\":\"\xff\"}".to_vec())).await;
    assert_eq!(not_utf8.0, 400);
}

#[tokio::test]
async fn characters_are_counted_not_bytes() {
    let text = format!(r#"{{"amount":1,"description":"{}"}}"#, "🎁".repeat(255));

    assert_eq!(send(order(text)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_body_above_the_limit_is_413_whether_or_not_it_says_so() {
    let big = format!(
        r#"{{"amount":1,"description":"{}"}}"#,
        "x".repeat(1_000_000)
    ); // 17
    let mut declared = order(big.clone());
    let length = big.len().to_string().parse().unwrap();
    declared.headers_mut().insert("content-length", length);
    let chunks = big
        .into_bytes()
        .chunks(1000)
        .map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()))
        .collect::<Vec<_>>();
    let streamed = order(Body::from_stream(futures_util::stream::iter(chunks)));

    for request in [declared, streamed] {
        assert_eq!(refusal(request).await.0, 413);
    }
    let exact = format!(
        r#"{{"amount":1,"description":"a"}}{}"#,
        " ".repeat(65_536 - 30)
    );
    assert_eq!(exact.len(), 65_536);
    assert_eq!(send(order(exact)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn only_json_is_read() {
    for media_type in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("json"),
    ] {
        let mut request = order(r#"{"amount":1,"description":"a"}"#);
        request.headers_mut().remove("content-type");
        if let Some(media_type) = media_type {
            request
                .headers_mut()
                .insert("content-type", media_type.parse().unwrap());
        }
        let (status, code, place) = refusal(request).await;
        assert_eq!(
            (status, code.as_str(), place.as_str()),
            (415, "unsupported_media_type", "Content-Type"),
            "{media_type:?}"
        );
    }
    let mut compressed = order("x");
    compressed
        .headers_mut()
        .insert("content-encoding", "gzip".parse().unwrap());
    assert_eq!(refusal(compressed).await.0, 415);
    let mut charset = order(r#"{"amount":1,"description":"a"}"#);
    charset.headers_mut().insert(
        "content-type",
        "Application/JSON; charset=utf-8".parse().unwrap(),
    );
    assert_eq!(send(charset).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn headers_queries_and_ids_are_checked_and_named() {
    let get = |uri: &str| Request::get(uri).header("x-user-id", "alice");
    let plain = |uri: &str| get(uri).body(Body::empty()).unwrap();
    let named = |name: &str| {
        let mut request = plain("/orders");
        request
            .headers_mut()
            .insert("x-user-id", name.parse().unwrap());
        request
    };
    let keyed = |key: &[u8]| {
        let mut request = order("{}");
        let key = axum::http::HeaderValue::from_bytes(key).unwrap();
        request.headers_mut().insert("idempotency-key", key);
        request
    };
    let mut nobody = plain("/orders");
    nobody.headers_mut().remove("x-user-id");
    let twice = get("/orders")
        .header("x-user-id", "bob")
        .body(Body::empty())
        .unwrap();
    let mut two_keys = keyed(b"a");
    two_keys
        .headers_mut()
        .append("idempotency-key", "a".parse().unwrap());
    for (request, status, code, place) in [
        (plain("/orders/not-a-uuid"), 400, "malformed_id", "id"), // 18
        (
            plain("/orders/0190f5b77a3c70008000000000000000"),
            400,
            "malformed_id",
            "id",
        ),
        (plain("/orders/%ff"), 400, "malformed_id", "id"),
        (nobody, 401, "identity_required", "X-User-Id"), // 19
        (twice, 400, "malformed_header", "X-User-Id"),   // 20
        (named(""), 400, "malformed_header", "X-User-Id"),
        (named("a b"), 400, "malformed_header", "X-User-Id"),
        (named(&"a".repeat(65)), 400, "malformed_header", "X-User-Id"),
        (
            keyed(&[b'k'; 256]),
            400,
            "malformed_header",
            "Idempotency-Key",
        ), // 21
        (keyed(b"a\tb"), 400, "malformed_header", "Idempotency-Key"), // 21
        (keyed(b""), 400, "malformed_header", "Idempotency-Key"),
        (
            keyed("é".as_bytes()),
            400,
            "malformed_header",
            "Idempotency-Key",
        ),
        (two_keys, 400, "malformed_header", "Idempotency-Key"),
        (plain("/orders?limit=0"), 400, "malformed_query", "limit"),
        (
            plain("/orders?limit=2&limit=3"),
            400,
            "malformed_query",
            "limit",
        ),
        (plain("/orders?page=2"), 400, "malformed_query", "page"),
        (plain("/nothing"), 404, "not_found", "-"),
        (plain("/text"), 409, "request_in_progress", "-"),
    ] {
        let shown = format!("{} {:?}", request.uri(), request.headers());

        let refused = refusal(request).await;

        assert_eq!(
            refused,
            (status, code.to_owned(), place.to_owned()),
            "{shown}"
        );
    }
    let socket = |uri: &str| Request::get(uri).body(Body::empty()).unwrap();
    assert_eq!(refusal(socket("/ws?user_id=a%20b")).await.2, "user_id");
    assert_eq!(refusal(socket("/ws")).await.0, 401);
    assert_eq!(
        send(socket("/ws?user_id=bob")).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_wrong_method_says_which_are_right() {
    let request = Request::delete("/orders").body(Body::empty()).unwrap();

    let response = send(request).await;

    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    let allow = header(response.headers(), "allow");
    for method in ["GET", "HEAD", "POST"] {
        assert!(allow.split(',').any(|allowed| allowed == method), "{allow}");
    }
    assert_eq!(body(response).await["code"], "method_not_allowed");
}

#[tokio::test]
async fn a_panic_is_a_500_that_says_nothing_of_it() {
    let request = Request::get("/panic").body(Body::empty()).unwrap();

    let response = send(request).await;

    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let problem = body(response).await;
    assert_eq!(problem["code"], "internal");
    assert!(!problem.to_string().contains("hunter2"));
}
