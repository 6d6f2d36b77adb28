use std::time::Duration;

use anyhow::{Result, ensure};
use gozon_core::NewMessage;
use gozon_events::{PaymentFailed, PaymentSucceeded, Reason};
use gozon_tests::eventually;
use gozon_tests::http::Client;
use gozon_tests::shop::{Books, Mode, Service, Settled, Shop};
use serde_json::json;

/// The mark of a message is there once it was handled.
const HANDLED: &str = "SELECT count(*) FROM gozon_inbox WHERE state = 'done'";
const BOUND: Duration = Duration::from_secs(30);

async fn handled(shop: &Shop, messages: i64) -> Result<()> {
    eventually(BOUND, "payments handles the message", async || {
        let done = shop.books.count_in_payments(HANDLED).await?;
        ensure!(done == messages, "{done} of {messages} are handled");
        Ok(())
    })
    .await
}

pub(crate) async fn the_same_event_delivered_three_times_charges_once(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let anna = shop.customer(10_000).await?;
    let order = anna.order(1_000).await?;
    anna.expect(order, "FINISHED").await?;

    // The very same message twice more, and once under a new id.
    let repeat = Books::order_created(order, &anna.name, 1_000)?;
    shop.books.deliver(repeat.clone()).await?;
    handled(&shop, 2).await?;
    shop.books.deliver(repeat.clone()).await?;
    shop.books.audit().await?;
    shop.books.deliver(repeat).await?;

    ensure!(
        shop.books.audit().await?
            == Settled {
                finished: 1,
                cancelled: 0
            }
    );
    ensure!(anna.balance().await? == 9_000);
    handled(&shop, 2).await
}

pub(crate) async fn a_refused_order_is_not_charged_after_a_later_top_up(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let anna = shop.customer(0).await?;
    let order = anna.order(1_000).await?;
    anna.expect(order, "CANCELLED").await?;

    anna.top_up(5_000).await?;
    shop.books
        .deliver(Books::order_created(order, &anna.name, 1_000)?)
        .await?;
    handled(&shop, 2).await?;

    ensure!(
        shop.books.audit().await?
            == Settled {
                finished: 0,
                cancelled: 1
            }
    );
    ensure!(anna.balance().await? == 5_000);
    Ok(())
}

/// Also among verdicts that reach orders together.
pub(crate) async fn every_verdict_that_contradicts_an_order_is_an_alarm(mode: Mode) -> Result<()> {
    const PAIRS: usize = 20;
    let shop = Shop::start(mode).await?;
    let anna = shop.customer(10_000).await?;
    let order = anna.order(1_000).await?;
    anna.expect(order, "FINISHED").await?;
    let mut verdicts = Vec::new();
    for _ in 0..PAIRS {
        let (paid, refused) = (
            PaymentSucceeded {
                order_id: order,
                user_id: anna.name.clone(),
                amount: 1_000,
                record: None,
            },
            PaymentFailed {
                order_id: order,
                user_id: anna.name.clone(),
                reason: Reason::InsufficientFunds,
                record: None,
            },
        );
        verdicts.push(NewMessage::of("/elsewhere", &paid)?);
        verdicts.push(NewMessage::of("/elsewhere", &refused)?);
    }
    for verdict in &mut verdicts {
        // One after the other they would travel alone.
        verdict.envelope.key = None;
    }

    shop.books.deliver_all(verdicts).await?;

    let orders = Client::at(shop.address(Service::Orders, 0));
    eventually(BOUND, "orders hears of every contradiction", async || {
        let metrics = orders.get("/metrics").await?.having(200)?.text();
        let counted = metrics
            .lines()
            .filter(|line| line.starts_with("gozon_orders_contradicted_total"))
            .find_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok());
        ensure!(counted == Some(PAIRS), "{counted:?} of {PAIRS}");
        Ok(())
    })
    .await?;
    anna.expect(order, "FINISHED").await?;
    ensure!(anna.balance().await? == 9_000);
    Ok(())
}

pub(crate) async fn an_idempotency_key_makes_a_repeat_harmless(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let anna = shop.customer(0).await?;
    let keyed = anna.client.with_header("Idempotency-Key", "\"first\"");

    for (path, first, other) in [
        (
            "/accounts/topup",
            json!({"amount": 500}),
            json!({"amount": 501}),
        ),
        (
            "/orders",
            json!({"amount": 100, "description": "tea"}),
            json!({"amount": 100, "description": "coffee"}),
        ),
    ] {
        let answered = keyed.post(path, &first).await?;
        let repeated = keyed.post(path, &first).await?;
        ensure!(answered.status / 100 == 2, "{}", answered.text());
        ensure!(answered.header("idempotent-replayed").is_none());
        ensure!(repeated.header("idempotent-replayed") == Some("true"));
        ensure!((repeated.status, repeated.json()?) == (answered.status, answered.json()?));
        ensure!(repeated.header("location") == answered.header("location"));
        keyed.post(path, &other).await?.having(422)?;
    }
    // The key is the user's own.
    let boris = shop
        .customer(0)
        .await?
        .client
        .with_header("Idempotency-Key", "first");
    let his = boris
        .post("/accounts/topup", &json!({"amount": 500}))
        .await?
        .having(200)?;
    ensure!(his.header("idempotent-replayed").is_none());

    ensure!(
        shop.books.audit().await?
            == Settled {
                finished: 1,
                cancelled: 0
            }
    );
    ensure!(anna.balance().await? == 400);
    Ok(())
}
