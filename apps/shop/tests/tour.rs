//! The tour of README.md, on the embedded shop.

mod support;

use serde_json::json;
use support::Running;

#[tokio::test]
async fn the_tour_of_the_readme_works() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Running::start(folder.path()).await;
    let user = shop.as_user("1");
    assert_eq!(user.get("/readyz").await.status, 200);

    let opened = user.post("/accounts", "").await;
    assert_eq!(opened.status, 201);
    let empty = json!({"user_id": "1", "balance": 0, "currency": "RUB"});
    assert_eq!(opened.json, empty);
    let full = json!({"user_id": "1", "balance": 100_000, "currency": "RUB"});
    for replayed in [None, Some("true")] {
        let topped_up = user
            .post_once("/accounts/topup", "topup-1", r#"{"amount": 100000}"#)
            .await;
        assert_eq!(topped_up.status, 200);
        assert_eq!(topped_up.json, full);
        assert_eq!(topped_up.header("idempotent-replayed"), replayed);
    }

    let ordered = user
        .post("/orders", r#"{"amount": 2490, "description": "Tea"}"#)
        .await;
    assert_eq!(ordered.status, 201);
    assert_eq!(ordered.json["status"], "NEW");
    let order = ordered.header("location").unwrap();
    assert_eq!(
        order,
        format!("/orders/{}", ordered.json["id"].as_str().unwrap())
    );
    let frames = user.watch(&format!("{order}/ws"), "FINISHED").await;
    let versions: Vec<_> = frames
        .iter()
        .map(|frame| frame["version"].as_i64())
        .collect();
    assert!(versions.is_sorted(), "{versions:?}");
    assert_eq!(frames.last().unwrap()["type"], "order.status");

    assert_eq!(user.get(order).await.json["status"], "FINISHED");
    assert_eq!(user.get("/accounts/balance").await.json["balance"], 97_510);
    let statement = user.get("/accounts/statement").await.json;
    let lines = statement.as_array().unwrap().iter();
    let lines: Vec<_> = lines
        .map(|line| {
            json!([
                line["kind"],
                line["amount"],
                line["balance"],
                line["order_id"]
            ])
        })
        .collect();
    let payment = json!(["payment", -2490, 97_510, ordered.json["id"]]);
    let topup = json!(["topup", 100_000, 100_000, null]);
    assert_eq!(lines, [payment, topup]);

    shop.stop().await;
}

#[tokio::test]
async fn what_is_refused_says_why_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Running::start(folder.path()).await;
    let user = shop.as_user("1");
    user.post("/accounts", "").await;
    let topup = r#"{"amount": 100000}"#;
    user.post_once("/accounts/topup", "topup-1", topup).await;
    let ordered = user
        .post("/orders", r#"{"amount": 2490, "description": "Tea"}"#)
        .await;
    let order = ordered.header("location").unwrap();
    user.watch(&format!("{order}/ws"), "FINISHED").await;

    let negative = user
        .post("/orders", r#"{"amount": -1, "description": "Tea"}"#)
        .await;
    negative.assert_problem(422, "invalid_body");
    assert_eq!(negative.json["errors"][0]["pointer"], "/amount");
    let other_body = user
        .post_once("/accounts/topup", "topup-1", r#"{"amount": 5}"#)
        .await;
    other_body.assert_problem(422, "idempotency_key_reused");
    let second = user.post("/accounts", "").await;
    second.assert_problem(409, "account_exists");
    let stranger = shop.as_user("2").get(order).await;
    stranger.assert_problem(404, "order_not_found");

    assert_eq!(user.get("/accounts/balance").await.json["balance"], 97_510);
    let orders = user.get("/orders").await.json;
    assert_eq!(orders.as_array().map(Vec::len), Some(1));
    shop.stop().await;
}

#[tokio::test]
async fn an_order_that_cannot_be_paid_is_cancelled_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Running::start(folder.path()).await;
    let (poor, stranger) = (shop.as_user("poor"), shop.as_user("stranger"));
    poor.post("/accounts", "").await;

    for (user, reason) in [(&poor, "insufficient_funds"), (&stranger, "no_account")] {
        let ordered = user
            .post("/orders", r#"{"amount": 2490, "description": "Tea"}"#)
            .await;
        assert_eq!(ordered.status, 201);
        let order = ordered.header("location").unwrap();
        let frames = user.watch(&format!("{order}/ws"), "CANCELLED").await;
        assert_eq!(frames.last().unwrap()["reason"], reason);
    }

    assert_eq!(poor.get("/accounts/balance").await.json["balance"], 0);
    shop.stop().await;
}

#[tokio::test]
async fn a_restart_finds_everything_again() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Running::start(folder.path()).await;
    let user = shop.as_user("1");
    user.post("/accounts", "").await;
    let topup = r#"{"amount": 100000}"#;
    user.post_once("/accounts/topup", "topup-1", topup).await;
    let ordered = user
        .post("/orders", r#"{"amount": 2490, "description": "Tea"}"#)
        .await;
    let order = ordered.header("location").unwrap();
    // Not waited for: whether before or after the restart, it is paid once.
    shop.stop().await;

    let shop = Running::start(folder.path()).await;
    let user = shop.as_user("1");
    let frames = user.watch(&format!("{order}/ws"), "FINISHED").await;

    assert_eq!(frames.last().unwrap()["order_id"], ordered.json["id"]);
    assert_eq!(user.get("/accounts/balance").await.json["balance"], 97_510);
    let again = user.post_once("/accounts/topup", "topup-1", topup).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(user.get("/accounts/balance").await.json["balance"], 97_510);
    shop.stop().await;
}

#[tokio::test]
async fn a_second_start_on_one_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Running::start(folder.path()).await;

    let refused = support::bind(folder.path()).await.err().unwrap();

    assert_eq!(refused.variable(), "GOZON_DATA_DIR");
    assert!(
        refused.to_string().contains("in use by another gozon"),
        "{refused}"
    );
    shop.stop().await;
    assert!(
        support::bind(folder.path()).await.is_ok(),
        "the folder is free again"
    );
}
