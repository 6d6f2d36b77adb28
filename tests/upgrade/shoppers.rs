use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gozon_tests::eventually;
use gozon_tests::shop::{Customer, Fleet};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// What each of them begins with.
pub(crate) const BALANCE: i64 = 1_000_000_000;
/// How long an order may take to be accepted.
const BOUND: Duration = Duration::from_secs(60);

/// Customers who order one thing after the other and put up with no answer but
/// success, and "later" with its reason.
pub(crate) struct Shoppers {
    accepted: Arc<AtomicUsize>,
    tasks: JoinSet<Result<(Customer, Vec<Uuid>)>>,
    end: CancellationToken,
    _at_the_end: DropGuard,
}

impl Shoppers {
    pub(crate) async fn at(fleet: &Fleet, count: usize) -> Result<Self> {
        let accepted = Arc::new(AtomicUsize::new(0));
        let end = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for _ in 0..count {
            let customer = fleet.customer(BALANCE).await?;
            let (accepted, end) = (Arc::clone(&accepted), end.clone());
            tasks.spawn(async move {
                let mut orders = Vec::new();
                while !end.is_cancelled() {
                    orders.push(order(&customer).await?);
                    accepted.fetch_add(1, Ordering::Relaxed);
                }
                Ok((customer, orders))
            });
        }
        Ok(Self {
            accepted,
            tasks,
            _at_the_end: end.clone().drop_guard(),
            end,
        })
    }

    /// Waits until this many more orders are accepted.
    pub(crate) async fn flow(&self, more: usize) -> Result<()> {
        let goal = self.accepted.load(Ordering::Relaxed) + more;
        eventually(BOUND, "orders are accepted", async || {
            let accepted = self.accepted.load(Ordering::Relaxed);
            ensure!(accepted >= goal, "{accepted} of {goal}");
            Ok(())
        })
        .await
    }

    /// Everything that was accepted.
    pub(crate) async fn finish(mut self) -> Result<Vec<(Customer, Vec<Uuid>)>> {
        self.end.cancel();
        let mut all = Vec::new();
        while let Some(shopper) = self.tasks.join_next().await {
            all.push(shopper??);
        }
        Ok(all)
    }
}

async fn order(customer: &Customer) -> Result<Uuid> {
    let key = Uuid::new_v4().to_string();
    let keyed = customer.client.with_header("idempotency-key", &key);
    let body = json!({ "amount": 100, "description": "a book" });
    let end = Instant::now() + BOUND;
    loop {
        let answer = keyed.post("/orders", &body).await?;
        if answer.status == 201 {
            let order = answer.json()?;
            return Ok(order["id"].as_str().context("no id")?.parse()?);
        }
        let problem = answer.json()?;
        let later = match answer.status {
            502..=504 => true,
            409 => problem["code"] == "request_in_progress",
            _ => false,
        };
        ensure!(later, "{}: {problem}", answer.status);
        ensure!(Instant::now() < end, "still {}: {problem}", answer.status);
        sleep(Duration::from_millis(50)).await;
    }
}
