//! Input that looks dangerous and is only text, or only a claim.

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use gozon_tests::shop::{Customer, Mode, Plan, Service, Settled, Shop};
use serde_json::json;
use uuid::Uuid;

use crate::ask::Ask;

/// What nobody may find at the beginning of a log line.
const FORGED: &str = "2026-01-01T00:00:00Z ERROR forged";

pub(crate) async fn what_is_harmless_is_taken_as_it_is(mode: Mode) -> Result<()> {
    let mut shop = Plan::new(mode).env("GOZON_LOG", "debug").start().await?;
    let anna = shop.customer(1_000_000).await?;

    for description in [
        "'; DROP TABLE orders; --".to_owned(),
        "Robert\"); DELETE FROM gozon_outbox; --".to_owned(),
        "<script>alert(1)</script> ${jndi:ldap://x} %s %n {0} \\".to_owned(),
        format!("a book\r\n{FORGED}"),
        format!("a book\u{2028}{FORGED}\n\u{1b}[2J"),
        "🎁".repeat(255),
    ] {
        let body = json!({"amount": 100, "description": description});
        let order = anna.client.post("/orders", &body).await?;
        let order = order.having(201)?.json()?["id"].clone();
        let order: Uuid = order.as_str().context("no id")?.parse()?;
        let settled = anna.expect(order, "FINISHED").await?;
        ensure!(settled["description"] == description, "{settled}");
    }
    // Exactly 64 KiB are not over the limit.
    let body = r#"{"amount":100,"description":"a book"}"#;
    let body = format!("{body}{}", " ".repeat(65_536 - body.len()));
    let ask = Ask::post("/orders", body).by(&anna.name);
    let gateway = shop.address(Service::Gateway, 0);
    ask.send(gateway).await?.having(201)?;
    let escaped = FORGED.replace(' ', "%20");
    let path = format!("/orders/x%0d%0a{escaped}");
    anna.client.get(&path).await?.having(400)?;
    let path = format!("/nothing%0a{escaped}?a=%0a{escaped}");
    anna.client.get(&path).await?.having(404)?;

    ensure!(shop.books.audit().await?.finished == 7);
    for service in processes(mode) {
        let log = shop.process(*service, 0)?.log()?;
        // The log is there, and nobody wrote into it but us.
        ensure!(log.lines().count() > 10, "{service:?}: {log}");
        let forged = log.lines().find(|line| line.starts_with(FORGED));
        ensure!(forged.is_none(), "{service:?}: {forged:?}");
        ensure!(!log.contains('\u{1b}'), "{service:?}: a raw escape");
    }
    Ok(())
}

fn processes(mode: Mode) -> &'static [Service] {
    match mode {
        Mode::Embedded => &[Service::Embedded],
        Mode::Production => &[Service::Gateway, Service::Orders, Service::Payments],
    }
}

pub(crate) async fn one_key_used_many_times_at_once_has_one_effect(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let anna = shop.customer(1_000).await?;
    let boris = shop.customer(1_000).await?;

    let hers = at_once(
        &anna,
        "/orders",
        &json!({"amount": 100, "description": "tea"}),
    )
    .await?;
    let his = at_once(
        &boris,
        "/orders",
        &json!({"amount": 100, "description": "tea"}),
    )
    .await?;
    let topped = at_once(&anna, "/accounts/topup", &json!({"amount": 500})).await?;

    ensure!(hers["id"] != his["id"], "a key belongs to its user");
    ensure!(topped["balance"].is_i64(), "{topped}");
    for (customer, order, left) in [(&anna, &hers, 1_400), (&boris, &his, 900)] {
        let order: Uuid = order["id"].as_str().context("no id")?.parse()?;
        customer.expect(order, "FINISHED").await?;
        ensure!(customer.balance().await? == left);
    }
    ensure!(
        shop.books.audit().await?
            == Settled {
                finished: 2,
                cancelled: 0
            }
    );
    Ok(())
}

/// Sends the same request 16 times at once, under the same key. All answers
/// are the one answer, or say that it is on its way.
async fn at_once(
    customer: &Customer,
    path: &str,
    body: &serde_json::Value,
) -> Result<serde_json::Value> {
    let keyed = customer.client.with_header("Idempotency-Key", "the-one");
    let answers = try_join_all((0..16).map(|_| keyed.post(path, body))).await?;
    let (mut first, mut replayed) = (None, 0);
    for answer in &answers {
        if answer.status == 409 {
            ensure!(answer.json()?["code"] == "request_in_progress");
            continue;
        }
        ensure!(answer.status / 100 == 2, "{}", answer.text());
        let same = first.get_or_insert(answer.json()?);
        ensure!(*same == answer.json()?, "{same} and {}", answer.text());
        replayed += usize::from(answer.header("idempotent-replayed") == Some("true"));
    }
    let taken = answers.iter().filter(|answer| answer.status != 409);
    ensure!(taken.count() == replayed + 1, "{answers:?}");
    first.context("nobody got an answer")
}

pub(crate) async fn only_the_extractor_says_who_the_user_is(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let (anna, mallory) = (shop.customer(1_000).await?, shop.customer(1_000).await?);
    let gateway = shop.address(Service::Gateway, 0);
    let order = Ask::post("/orders", r#"{"amount":1,"description":"tea"}"#).by(&anna.name);

    let claims = [
        order.clone().with("X_User_Id", &mallory.name),
        order.clone().with("x_user-id", &mallory.name),
        order.clone().with("Connection", "X-User-Id"),
        order.clone().with("Connection", "close, x-user-id"),
        order.clone().with("X-Forwarded-User", &mallory.name),
    ];
    for ask in &claims {
        let accepted = ask.send(gateway).await?.having(201)?.json()?;
        ensure!(accepted["user_id"] == anna.name, "{ask:?}: {accepted}");
    }
    // The parameter is a WebSocket's; its header wins over it.
    let ask = Ask::get(&format!("/accounts/balance?user_id={}", mallory.name));
    let balance = ask.clone().by(&anna.name).send(gateway).await?;
    ensure!(balance.having(200)?.json()?["user_id"] == anna.name);
    ask.send(gateway).await?.having(401)?;
    let path = format!("/ws?user_id={}", mallory.name);
    let mut socket = anna.client.websocket(&path).await?;
    let bound = std::time::Duration::from_secs(30);
    ensure!(socket.next(bound).await?["user_id"] == anna.name);

    ensure!(shop.books.audit().await?.finished == 5);
    ensure!(mallory.balance().await? == 1_000 && anna.balance().await? == 995);
    Ok(())
}
