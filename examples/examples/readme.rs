//! All libraries at once: an order with its event, and its payment with the
//! money. `cargo run -p gozon-examples --example readme`

use std::sync::Arc;

use anyhow::{Context, ensure};
use async_trait::async_trait;
use gozon_core::{
    Append, Envelope, Event, InProcess, Incoming, NewMessage, Received, Subscriber, Subscription,
};
use gozon_inbox::{Each, HandleError, Handler, Inbox, InboxConfig};
use gozon_ledger::{
    AccountId, Asset, Ledger, LedgerConfig, NewAccount, Side, Transfer, TransferId,
};
use gozon_outbox::{Outbox, OutboxConfig};
use gozon_sqlx::{Sqlite, sqlite};
use serde::{Deserialize, Serialize};
use sqlx::{SqliteConnection, SqlitePool};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

#[derive(Serialize, Deserialize)]
struct OrderPlaced {
    id: Uuid,
    amount: i64,
}

impl Event for OrderPlaced {
    const TYPE: &'static str = "order_placed";
    const VERSION: u32 = 1;

    fn key(&self) -> Option<String> {
        Some(self.id.to_string())
    }
}

#[derive(Serialize, Deserialize)]
struct OrderSettled {
    id: Uuid,
    paid: bool,
}

impl Event for OrderSettled {
    const TYPE: &'static str = "order_settled";
    const VERSION: u32 = 1;

    fn key(&self) -> Option<String> {
        Some(self.id.to_string())
    }
}

struct Payments {
    ledger: Ledger<Sqlite>,
    rub: Asset,
    user: AccountId,
    revenue: AccountId,
}

// What follows, up to the next such line, is quoted in README.md.
/// Your own transaction: the order and its event are committed together.
async fn place(
    pool: &SqlitePool,
    outbox: &Outbox<Sqlite>,
    order: &OrderPlaced,
) -> anyhow::Result<()> {
    let event = NewMessage::of("/shop", order)?;
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query("INSERT INTO orders (id, amount) VALUES (?, ?)")
        .bind(order.id)
        .bind(order.amount)
        .execute(&mut *tx)
        .await?;
    outbox.append(&mut tx, std::slice::from_ref(&event)).await?;
    tx.commit().await?;
    outbox.committed(&[event]); // only wakes the relay earlier than its next poll
    Ok(())
}

/// The inbox's transaction: the mark that this message was handled, the money,
/// and the event that answers are committed together, once.
#[async_trait]
impl Handler<SqliteConnection> for Payments {
    async fn handle(
        &self,
        tx: &mut SqliteConnection,
        message: &Envelope,
        out: &mut Vec<NewMessage>,
    ) -> Result<(), HandleError> {
        let order: OrderPlaced = message.decode()?;
        let payment = Transfer::new(TransferId(order.id), "payment")
            .debit(self.user, &self.rub, order.amount)
            .credit(self.revenue, &self.rub, order.amount);
        let outcomes = self.ledger.post_in(tx, &[payment]).await;
        let outcomes = outcomes.map_err(|error| HandleError::by_class(error.class(), error))?;
        let paid = outcomes.iter().all(Result::is_ok); // refused: no money, no account
        let settled = OrderSettled { id: order.id, paid };
        out.push(NewMessage::of("/payments", &settled)?.caused_by(message));
        Ok(())
    }
}
// End of what is quoted.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let db = sqlite::open(&folder.path().join("shop.db"), &Default::default()).await?;
    let pool = db.writer().clone();
    sqlx::query("CREATE TABLE orders (id BLOB PRIMARY KEY, amount INTEGER NOT NULL) STRICT")
        .execute(&pool)
        .await?;
    let outbox = Outbox::new(db.clone(), OutboxConfig::default())?;
    let inbox = Inbox::new(db.clone(), InboxConfig::default())?;
    let ledger = Ledger::new(db.clone(), LedgerConfig::default())?;
    outbox.migrate().await?;
    inbox.migrate().await?;
    ledger.migrate().await?;
    let payments = payments(ledger.clone(), 10_000).await?;
    let revenue = payments.revenue;

    // Declared before the relay starts: an event that nobody subscribed to
    // would come back.
    let transport = InProcess::new();
    let orders = Subscription::durable("payments.orders", &[OrderPlaced::TYPE]);
    let settled = Subscription::durable("shop.settled", &[OrderSettled::TYPE]);
    transport.declare(&orders).await?;
    transport.declare(&settled).await?;
    let shutdown = CancellationToken::new();
    let relay = outbox.relay(Arc::new(transport.clone()));
    let consumer = inbox.consumer(orders, Arc::new(Each(payments)), Arc::new(outbox.clone()));
    let relay = tokio::spawn(relay.run(shutdown.clone()));
    let consumer = tokio::spawn(consumer.run(Arc::new(transport.clone()), shutdown.clone()));

    let order = OrderPlaced {
        id: Uuid::now_v7(),
        amount: 2_490,
    };
    place(&pool, &outbox, &order).await?;

    let mut answers = transport.subscribe(&settled).await?;
    let Received::Batch(batch) = answers.receive(1).await else {
        anyhow::bail!("the transport was closed");
    };
    let delivery = batch.into_iter().next().context("an empty batch")?;
    let Incoming::Message(message) = &delivery.incoming else {
        anyhow::bail!("no envelope");
    };
    let answer: OrderSettled = message.decode()?;
    delivery.ack().await?;
    ensure!(
        answer.id == order.id && answer.paid,
        "the order is not paid"
    );
    let balance = ledger.balance(revenue).await?.context("no account")?;
    ensure!(balance.posted == 2_490, "the money is not there");
    println!("order {} is paid; revenue: {}", answer.id, balance.posted);

    shutdown.cancel();
    relay.await??;
    consumer.await??;
    Ok(())
}

/// A user with some money, and an account for the shop's revenue.
async fn payments(ledger: Ledger<Sqlite>, money: i64) -> anyhow::Result<Payments> {
    let rub = Asset::new("RUB")?;
    let [bank, user, revenue] = [(); 3].map(|()| AccountId(Uuid::now_v7()));
    for account in [
        NewAccount::new(bank, rub.clone(), Side::Debit, "bank"),
        NewAccount::new(user, rub.clone(), Side::Credit, "user").with_floor(0),
        NewAccount::new(revenue, rub.clone(), Side::Credit, "revenue"),
    ] {
        ledger.open_account(&account).await?;
    }
    let topup = Transfer::new(TransferId(Uuid::now_v7()), "topup")
        .debit(bank, &rub, money)
        .credit(user, &rub, money);
    let outcomes = ledger.post(&[topup]).await?;
    ensure!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    Ok(Payments {
        ledger,
        rub,
        user,
        revenue,
    })
}

#[test]
fn it_runs_to_its_end() -> anyhow::Result<()> {
    main()
}
