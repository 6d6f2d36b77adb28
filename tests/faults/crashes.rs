//! Deaths at exact places, by failpoints.

use std::time::Duration;

use anyhow::{Result, ensure};
use gozon_tests::eventually;
use gozon_tests::shop::{Mode, Plan, Service, Settled};

const BOUND: Duration = Duration::from_secs(60);

pub(crate) async fn payments_dies_between_commit_and_acknowledgement(mode: Mode) -> Result<()> {
    dies_and_recovers(mode, Service::Payments, "inbox.committed=abort").await
}

pub(crate) async fn payments_dies_with_the_effect_uncommitted(mode: Mode) -> Result<()> {
    dies_and_recovers(mode, Service::Payments, "inbox.handled=abort").await
}

pub(crate) async fn orders_dies_between_commit_and_publish(mode: Mode) -> Result<()> {
    dies_and_recovers(mode, Service::Orders, "outbox.read=abort").await
}

pub(crate) async fn the_relay_dies_between_confirm_and_delete(mode: Mode) -> Result<()> {
    dies_and_recovers(mode, Service::Orders, "outbox.confirmed=abort").await
}

pub(crate) async fn the_relay_dies_between_delete_and_its_next_message(mode: Mode) -> Result<()> {
    dies_and_recovers(mode, Service::Orders, "outbox.deleted=abort").await
}

pub(crate) async fn payments_dies_when_it_has_acknowledged(mode: Mode) -> Result<()> {
    dies_and_recovers(mode, Service::Payments, "inbox.acked=abort").await
}

async fn dies_and_recovers(mode: Mode, service: Service, place: &str) -> Result<()> {
    let mut shop = Plan::new(mode).failpoints(service, place).start().await?;
    let anna = shop.customer(10_000).await?;

    // The answer may be lost with the process; the repeat finds the order.
    let answered = anna.order_keyed("the-one", 2_490).await;
    let died = shop.process(service, 0)?.ended(BOUND).await?;
    ensure!(!died.success(), "it ended politely: {died}");
    shop.restart(service, 0).await?;
    let order = eventually(BOUND, "the repeat is answered", async || {
        anna.order_keyed("the-one", 2_490).await
    })
    .await?;

    if let Ok(answered) = answered {
        ensure!(answered == order, "answered {answered}, then {order}");
    }
    anna.expect(order, "FINISHED").await?;
    ensure!(anna.balance().await? == 7_510);
    ensure!(
        shop.books.audit().await?
            == Settled {
                finished: 1,
                cancelled: 0
            }
    );
    Ok(())
}
