//! The server commits, and its answer is lost: whoever asked does not know, asks
//! again, and nothing happens twice.

use std::time::Duration;

use anyhow::{Result, ensure};
use gozon_core::ErrorClass;
use gozon_ledger::{
    AccountId, Asset, Ledger, LedgerConfig, NewAccount, Poster, PosterConfig, Side, Transfer,
    TransferId,
};
use gozon_sqlx::postgres::{PoolSettings, connect};
use gozon_tests::eventually;
use gozon_tests::link::Link;
use gozon_tests::servers::postgres_database;
use gozon_tests::shop::{Mode, Plan, Settled};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const BOUND: Duration = Duration::from_secs(60);
const ONE_PAID: Settled = Settled {
    finished: 1,
    cancelled: 0,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_commit_was_not_answered_is_the_order_that_the_repeat_gets() -> Result<()> {
    let databases = [postgres_database().await?, postgres_database().await?];
    let link = Link::to(&databases[0]).await?;
    let plan = Plan::new(Mode::Production).databases(link.url(&databases[0])?, &databases[1]);
    let shop = plan.start().await?;
    let anna = shop.customer(10_000).await?;

    link.lose_the_commit_of("the-lost-one");
    let answered = anna.order_keyed("the-lost-one", 2_490).await;
    ensure!(link.lost_commits() == 1, "no COMMIT was lost: {answered:?}");
    let order = eventually(BOUND, "the repeat is answered", async || {
        anna.order_keyed("the-lost-one", 2_490).await
    })
    .await?;

    if let Ok(answered) = answered {
        ensure!(answered == order, "answered {answered}, then {order}");
    }
    anna.expect(order, "FINISHED").await?;
    ensure!(shop.books.audit().await? == ONE_PAID);
    ensure!(anna.balance().await? == 7_510);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_whose_commit_was_not_answered_is_handled_once() -> Result<()> {
    let databases = [postgres_database().await?, postgres_database().await?];
    let link = Link::to(&databases[1]).await?;
    let plan = Plan::new(Mode::Production).databases(&databases[0], link.url(&databases[1])?);
    let shop = plan.start().await?;
    let anna = shop.customer(10_000).await?;

    // The decision and its event name the customer.
    link.lose_the_commit_of(&anna.name);
    let order = anna.order(2_490).await?;

    anna.expect(order, "FINISHED").await?;
    ensure!(link.lost_commits() == 1, "no COMMIT was lost");
    ensure!(shop.books.audit().await? == ONE_PAID);
    ensure!(anna.balance().await? == 7_510);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_whose_commit_was_not_answered_is_booked_once() -> Result<()> {
    let url = postgres_database().await?;
    let link = Link::to(&url).await?;
    let db = connect(&link.url(&url)?, &PoolSettings::default()).await?;
    let ledger = Ledger::new(db, LedgerConfig::default())?;
    ledger.migrate().await?;
    let rub = Asset::new("RUB")?;
    let [bank, user] = [0, 1].map(|n| AccountId(Uuid::from_u128(n)));
    for (id, side) in [(bank, Side::Debit), (user, Side::Credit)] {
        let account = NewAccount::new(id, rub.clone(), side, "probe");
        ledger.open_account(&account).await?;
    }
    let poster = Poster::new(ledger.clone(), PosterConfig::default())?;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (poster, shutdown) = (poster.clone(), shutdown.clone());
        async move { poster.run(shutdown).await }
    });
    let transfer = Transfer::new(TransferId(Uuid::from_u128(7)), "the_lost_one")
        .debit(bank, &rub, 100)
        .credit(user, &rub, 100);

    link.lose_the_commit_of("the_lost_one");
    let first = poster.post(transfer.clone()).await;
    let again = poster.post(transfer).await?;

    ensure!(link.lost_commits() == 1, "no COMMIT was lost");
    // The poster may find out by itself; otherwise the caller is to ask again.
    match first {
        Ok(posted) => ensure!(posted.replayed, "{posted:?}"),
        Err(error) => ensure!(error.class() == ErrorClass::Retry, "{error}"),
    }
    ensure!(again.replayed, "{again:?}");
    let balance = ledger.balance(user).await?.map(|balance| balance.posted);
    ensure!(balance == Some(100), "{balance:?}");
    ensure!(ledger.verify().await?.is_clean());
    shutdown.cancel();
    running.await?;
    Ok(())
}
