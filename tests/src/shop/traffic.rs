use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Customer;
use crate::eventually;

/// How long one order may take to be accepted, across a restart of anything.
const ACCEPT_BOUND: Duration = Duration::from_secs(90);

/// Customers who order one thing after the other, each order under a key of its
/// own, repeated until it is answered: no answer may be lost, and no order
/// doubled.
pub struct Traffic {
    end: CancellationToken,
    accepted: Arc<AtomicUsize>,
    customers: JoinSet<Result<Vec<(Customer, Uuid)>>>,
}

impl Traffic {
    /// Lets each customer order for `amount` until [`Traffic::finish`].
    pub fn of(customers: impl IntoIterator<Item = Customer>, amount: i64) -> Self {
        let end = CancellationToken::new();
        let accepted = Arc::new(AtomicUsize::new(0));
        let customers = customers
            .into_iter()
            .map(|customer| shop_on(customer, amount, end.clone(), Arc::clone(&accepted)))
            .collect();
        Self {
            end,
            accepted,
            customers,
        }
    }

    /// Waits until this many more orders are accepted.
    ///
    /// # Errors
    /// When it takes longer than 90 seconds.
    pub async fn flows(&self, more: usize) -> Result<()> {
        let goal = self.accepted.load(Ordering::Relaxed) + more;
        eventually(ACCEPT_BOUND, "orders are accepted", async || {
            let accepted = self.accepted.load(Ordering::Relaxed);
            ensure!(accepted >= goal, "{accepted} of {goal}");
            Ok(())
        })
        .await
    }

    /// Lets everyone finish the order at hand; returns all that were accepted.
    ///
    /// # Errors
    /// When a customer got an answer that is neither success nor "later".
    pub async fn finish(mut self) -> Result<Vec<(Customer, Uuid)>> {
        self.end.cancel();
        let mut orders = Vec::new();
        while let Some(ended) = self.customers.join_next().await {
            orders.extend(ended??);
        }
        Ok(orders)
    }
}

async fn shop_on(
    customer: Customer,
    amount: i64,
    end: CancellationToken,
    accepted: Arc<AtomicUsize>,
) -> Result<Vec<(Customer, Uuid)>> {
    let mut orders = Vec::new();
    while !end.is_cancelled() {
        let key = Uuid::new_v4().to_string();
        let order = order_until_accepted(&customer, &key, amount).await?;
        accepted.fetch_add(1, Ordering::Relaxed);
        orders.push((customer.clone(), order));
    }
    Ok(orders)
}

/// What a patient client does: the same request, under the same key, again.
/// (`eventually` would do, but its probe cannot move to another thread.)
async fn order_until_accepted(customer: &Customer, key: &str, amount: i64) -> Result<Uuid> {
    const PAUSE: Duration = Duration::from_millis(50);
    let end = Instant::now() + ACCEPT_BOUND;
    loop {
        match customer.order_keyed(key, amount).await {
            Ok(order) => return Ok(order),
            Err(error) if Instant::now() >= end => return Err(error),
            Err(_) => sleep(PAUSE).await,
        }
    }
}
