//! What an order's journey says, and what it says honestly that it does not know.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gozon_core::NewMessage;
use gozon_events::{PaymentFailed, Reason};
use gozon_tests::eventually;
use gozon_tests::own_servers::own_rabbitmq;
use gozon_tests::shop::{Books, Customer, Mode, Plan, Service, Shop};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

const BOUND: Duration = Duration::from_secs(60);
const STEPS: [(&str, &str); 8] = [
    ("accepted", "orders"),
    ("published", "orders"),
    ("received", "payments"),
    ("decided", "payments"),
    ("result_committed", "payments"),
    ("result_published", "payments"),
    ("result_received", "orders"),
    ("status_changed", "orders"),
];

async fn journey(customer: &Customer, order: Uuid) -> Result<Value> {
    let path = format!("/orders/{order}/journey");
    let journey = customer.client.get(&path).await?.having(200)?.json()?;
    ensure!(journey["order_id"] == order.to_string(), "{journey}");
    ensure!(journey["currency"] == "RUB", "{journey}");
    let steps = steps(&journey)?;
    ensure!(steps.len() == STEPS.len(), "{journey}");
    for (step, (name, by)) in steps.iter().zip(STEPS) {
        ensure!(step["step"] == name && step["by"] == by, "{journey}");
        ensure!(step.get("at").is_some(), "{step}");
        ensure!(step["state"] == "done" || step["at"].is_null(), "{step}");
    }
    Ok(journey)
}

fn steps(journey: &Value) -> Result<&Vec<Value>> {
    journey["steps"].as_array().context("no steps")
}

fn step<'a>(journey: &'a Value, name: &str) -> Result<&'a Value> {
    let found = steps(journey)?.iter().find(|step| step["step"] == name);
    found.with_context(|| format!("no {name} in {journey}"))
}

/// The time of each step, in order; `None` where it is not known.
fn times(journey: &Value) -> Result<Vec<Option<OffsetDateTime>>> {
    let time = |step: &Value| match &step["at"] {
        Value::Null => Ok(None),
        Value::String(text) => {
            ensure!(text.ends_with('Z'), "{text} is not in UTC");
            let time = OffsetDateTime::parse(text, &Rfc3339)?;
            ensure!(time.nanosecond() % 1_000 == 0, "{text} is too exact");
            Ok(Some(time))
        }
        other => anyhow::bail!("{other} is no time"),
    };
    steps(journey)?.iter().map(time).collect()
}

/// Everything happened, its time is known, and it happened in this order: all
/// clocks are one machine's.
fn whole(journey: &Value) -> Result<()> {
    ensure!(journey["waiting_for"].is_null(), "{journey}");
    for step in steps(journey)? {
        ensure!(step["state"] == "done", "{step}");
    }
    let times = times(journey)?;
    ensure!(times.iter().all(Option::is_some), "{journey}");
    ensure!(times.is_sorted(), "{journey}");
    Ok(())
}

/// The states of the steps, and that nothing but these has a time.
fn states(journey: &Value, expected: [&str; 8], timed: &[&str]) -> Result<()> {
    for (step, state) in steps(journey)?.iter().zip(expected) {
        ensure!(step["state"] == state, "not {state}: {step}");
        let has_time = timed.iter().any(|name| step["step"] == *name);
        ensure!(step["at"].is_string() == has_time, "{step}");
    }
    Ok(())
}

pub(crate) async fn a_paid_orders_journey_is_whole(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let anna = shop.customer(10_000).await?;
    // Somebody else's money makes the shop's own balance another number.
    let boris = shop.customer(10_000).await?;
    boris.expect(boris.order(777).await?, "FINISHED").await?;

    let order = anna.order(2_490).await?;
    let settled = anna.expect(order, "FINISHED").await?;

    let journey = journey(&anna, order).await?;
    whole(&journey)?;
    ensure!(journey["status"] == "FINISHED", "{journey}");
    let decided = step(&journey, "decided")?;
    ensure!(decided["outcome"] == "paid", "{decided}");
    ensure!(decided["reason"].is_null(), "{decided}");
    ensure!(
        decided["transfer"]["id"] == anna.statement().await?[0]["id"],
        "{decided}"
    );
    let entries = json!([
        {"kind": "user", "name": anna.name, "amount": -2_490, "balance": 7_510},
        {"kind": "shop", "name": "revenue", "amount": 2_490},
    ]);
    ensure!(decided["transfer"]["entries"] == entries, "{decided}");
    let changed = step(&journey, "status_changed")?;
    ensure!(
        changed["status"] == "FINISHED" && changed["version"] == 2,
        "{changed}"
    );
    ensure!(changed["at"] == settled["updated_at"], "{changed}");
    ensure!(
        step(&journey, "accepted")?["at"] == settled["created_at"],
        "{journey}"
    );
    ensure!(
        step(&journey, "received")?["event"] == "order_created",
        "{journey}"
    );
    ensure!(
        step(&journey, "result_received")?["event"] == "payment_succeeded",
        "{journey}"
    );
    Ok(())
}

pub(crate) async fn a_refused_orders_journey_says_why(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let poor = shop.customer(2_489).await?;
    let nobody = shop.stranger();

    for (customer, reason) in [(&poor, "insufficient_funds"), (&nobody, "no_account")] {
        let order = customer.order(2_490).await?;
        customer.expect(order, "CANCELLED").await?;

        let journey = journey(customer, order).await?;
        whole(&journey)?;
        ensure!(journey["status"] == "CANCELLED", "{journey}");
        let decided = step(&journey, "decided")?;
        ensure!(decided["outcome"] == "refused", "{decided}");
        ensure!(decided["reason"] == reason, "{decided}");
        ensure!(decided.get("transfer") == Some(&Value::Null), "{decided}");
        ensure!(
            step(&journey, "result_published")?["event"] == "payment_failed",
            "{journey}"
        );
        ensure!(
            step(&journey, "status_changed")?["status"] == "CANCELLED",
            "{journey}"
        );
    }
    Ok(())
}

pub(crate) async fn a_journey_is_its_owners_alone(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let anna = shop.customer(10_000).await?;
    let boris = shop.customer(10_000).await?;
    let order = anna.order(100).await?;
    anna.expect(order, "FINISHED").await?;
    let path = format!("/orders/{order}/journey");

    let refused = boris.client.get(&path).await?.having(404)?;
    ensure!(
        refused.json()?["code"] == "order_not_found",
        "{}",
        refused.text()
    );
    let unknown = format!("/orders/{}/journey", Uuid::now_v7());
    anna.client.get(&unknown).await?.having(404)?;
    anna.client.get("/orders/one/journey").await?.having(400)?;
    shop.client().get(&path).await?.having(401)?;
    Ok(())
}

pub(crate) async fn deliveries_without_effect_do_not_change_a_journey(mode: Mode) -> Result<()> {
    const HANDLED: &str = "SELECT count(*) FROM gozon_inbox WHERE state = 'done'";
    let shop = Shop::start(mode).await?;
    let anna = shop.customer(10_000).await?;
    let order = anna.order(1_000).await?;
    anna.expect(order, "FINISHED").await?;
    let before = journey(&anna, order).await?;

    // A new id: payments finds its decision and sends the result again.
    let repeat = Books::order_created(order, &anna.name, 1_000)?;
    for _ in 0..3 {
        shop.books.deliver(repeat.clone()).await?;
    }
    eventually(BOUND, "the second result is handled", async || {
        let handled = shop.books.count_in_orders(HANDLED).await?;
        ensure!(handled == 2, "{handled} results");
        Ok(())
    })
    .await?;
    shop.books.audit().await?;

    whole(&before)?;
    let after = journey(&anna, order).await?;
    ensure!(after == before, "{before} became {after}");
    Ok(())
}

/// Payments dies with the money moved and nothing committed.
pub(crate) async fn the_times_are_those_of_the_delivery_that_took_effect(mode: Mode) -> Result<()> {
    let mut shop = Plan::new(mode)
        .failpoints(Service::Payments, "inbox.handled=abort")
        .start()
        .await?;
    let anna = shop.customer(10_000).await?;
    let _ = anna.order_keyed("the-one", 2_490).await;
    shop.process(Service::Payments, 0)?.ended(BOUND).await?;
    let died = OffsetDateTime::now_utc();

    shop.restart(Service::Payments, 0).await?;
    let order = eventually(BOUND, "the repeat is answered", async || {
        anna.order_keyed("the-one", 2_490).await
    })
    .await?;
    anna.expect(order, "FINISHED").await?;

    let journey = journey(&anna, order).await?;
    whole(&journey)?;
    let times = times(&journey)?;
    ensure!(
        times[0] < Some(died) && times[2] > Some(died),
        "{died}: {journey}"
    );
    Ok(())
}

pub(crate) async fn what_an_older_version_settled_has_no_times(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let anna = shop.customer(10_000).await?;
    let order = anna.order(1_000).await?;
    anna.expect(order, "FINISHED").await?;
    shop.books.forget_journeys().await?;

    let journey = journey(&anna, order).await?;

    ensure!(journey["waiting_for"].is_null(), "{journey}");
    states(&journey, ["done"; 8], &["accepted", "status_changed"])?;
    let decided = step(&journey, "decided")?;
    ensure!(decided["outcome"] == "paid", "{decided}");
    ensure!(decided.get("transfer") == Some(&Value::Null), "{decided}");
    Ok(())
}

async fn waiting_for(customer: &Customer, order: Uuid, whom: &str) -> Result<Value> {
    eventually(BOUND, "the journey waits there", async || {
        let journey = journey(customer, order).await?;
        ensure!(journey["waiting_for"] == whom, "{journey}");
        Ok(journey)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_payments_an_order_is_published_and_waits() -> Result<()> {
    let mut shop = Shop::start(Mode::Production).await?;
    let anna = shop.customer(10_000).await?;
    shop.stop(Service::Payments, 0).await?;

    let order = anna.order(2_490).await?;
    let waiting = waiting_for(&anna, order, "payments").await?;

    ensure!(waiting["status"] == "NEW", "{waiting}");
    let expected = [
        "done", "done", "waiting", "open", "open", "open", "open", "open",
    ];
    states(&waiting, expected, &["accepted"])?;
    ensure!(
        step(&waiting, "decided")?.get("outcome").is_none(),
        "{waiting}"
    );
    shop.restart(Service::Payments, 0).await?;
    anna.expect(order, "FINISHED").await?;
    whole(&journey(&anna, order).await?)
}

/// What a version of payments before this one sends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_of_an_older_payments_leaves_its_steps_without_times() -> Result<()> {
    let mut shop = Shop::start(Mode::Production).await?;
    let anna = shop.customer(10_000).await?;
    shop.stop(Service::Payments, 0).await?;
    let order = anna.order(2_490).await?;

    let result = PaymentFailed {
        order_id: order,
        user_id: anna.name.clone(),
        reason: Reason::InsufficientFunds,
        record: None,
    };
    let result = NewMessage::of("/gozon/payments", &result)?;
    shop.books.deliver(result).await?;
    anna.expect(order, "CANCELLED").await?;

    let journey = journey(&anna, order).await?;
    let timed = [
        "accepted",
        "result_committed",
        "result_published",
        "result_received",
        "status_changed",
    ];
    states(&journey, ["done"; 8], &timed)?;
    let decided = step(&journey, "decided")?;
    ensure!(decided["reason"] == "insufficient_funds", "{decided}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_broker_an_order_waits_in_the_outbox() -> Result<()> {
    let rabbitmq = own_rabbitmq().await?;
    let plan = Plan::new(Mode::Production).amqp(rabbitmq.url());
    let shop = plan.start().await?;
    let anna = shop.customer(10_000).await?;
    rabbitmq.stop().await?;

    let order = anna.order(2_490).await?;
    let waiting = waiting_for(&anna, order, "broker").await?;

    let expected = [
        "done", "waiting", "open", "open", "open", "open", "open", "open",
    ];
    states(&waiting, expected, &["accepted"])?;
    rabbitmq.start().await?;
    anna.expect(order, "FINISHED").await?;
    whole(&journey(&anna, order).await?)
}
