//! What payments decided, applied to orders.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use gozon_core::{Clock, Envelope, Event, NewMessage};
use gozon_events::{DecisionRecord, OrderStatus, PaymentFailed, PaymentSucceeded};
use gozon_inbox::{BatchHandler, HandleError};
use uuid::Uuid;

use crate::journey::Settlement;
use crate::metrics;
use crate::order::Verdict;
use crate::store::OrderStore;
use crate::{SOURCE, order::Order};

/// Applies a batch of verdicts: one guarded update for all of them, one
/// `order_status_changed` for each order that settled.
///
/// A verdict for an order that settled before is a repeat and changes nothing;
/// if it says the opposite of what stands, it is an alarm.
pub(crate) struct SettleOrders<D> {
    clock: Arc<dyn Clock>,
    database: PhantomData<D>,
}

impl<D> SettleOrders<D> {
    /// Takes the time of each change from `clock`.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            database: PhantomData,
        }
    }
}

#[async_trait]
impl<D: OrderStore> BatchHandler<D::Tx> for SettleOrders<D> {
    async fn handle(
        &self,
        tx: &mut D::Tx,
        messages: &[Envelope],
        out: &mut Vec<NewMessage>,
    ) -> Result<(), HandleError> {
        // Sorted by order, so that two batches lock rows in one direction;
        // of several verdicts for one order the first counts.
        let mut verdicts = BTreeMap::<Uuid, (Verdict, &Envelope)>::new();
        let mut later = Vec::new();
        for message in messages {
            let verdict = verdict_of(message)?;
            match verdicts.entry(verdict.order_id) {
                Entry::Vacant(first) => _ = first.insert((verdict, message)),
                Entry::Occupied(_) => later.push(verdict),
            }
        }
        let all: Vec<Verdict> = verdicts
            .values()
            .map(|(verdict, _)| verdict.clone())
            .collect();

        for order in D::settle(tx, &all, self.clock.now()).await? {
            if let Some((_, cause)) = verdicts.remove(&order.id) {
                out.push(NewMessage::of(SOURCE, &order.status_changed())?.caused_by(cause));
            }
            metrics::settled(order.status.as_str());
            tracing::info!(order.id = %order.id, order.status = order.status.as_str(), "order settled");
        }
        let repeats = verdicts.into_values().map(|(verdict, _)| verdict);
        check_repeats::<D>(tx, repeats.chain(later).collect()).await
    }
}

/// Verdicts that came too late to settle anything.
async fn check_repeats<D: OrderStore>(
    tx: &mut D::Tx,
    repeats: Vec<Verdict>,
) -> Result<(), HandleError> {
    if repeats.is_empty() {
        return Ok(());
    }
    let ids: BTreeSet<Uuid> = repeats.iter().map(|verdict| verdict.order_id).collect();
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let orders = D::by_ids_in(tx, &ids).await?;
    let orders: BTreeMap<Uuid, &Order> = orders.iter().map(|order| (order.id, order)).collect();
    for verdict in &repeats {
        let id = verdict.order_id;
        let order = orders
            .get(&id)
            .ok_or_else(|| HandleError::reject(format!("there is no order {id}")))?;
        check_repeat(order, verdict)?;
    }
    Ok(())
}

fn verdict_of(message: &Envelope) -> Result<Verdict, HandleError> {
    if message.kind == PaymentFailed::TYPE {
        let failed: PaymentFailed = message.decode()?;
        return Ok(Verdict {
            order_id: failed.order_id,
            refused: Some(failed.reason),
            settlement: settlement(message, failed.record),
        });
    }
    let paid: PaymentSucceeded = message.decode()?;
    Ok(Verdict {
        order_id: paid.order_id,
        refused: None,
        settlement: settlement(message, paid.record),
    })
}

fn settlement(message: &Envelope, decision: Option<DecisionRecord>) -> Settlement {
    Settlement {
        event: message.kind.clone(),
        committed_at: message.time,
        published_at: message.published_at,
        received_at: message.received_at,
        decision,
    }
}

fn check_repeat(order: &Order, verdict: &Verdict) -> Result<(), HandleError> {
    let contradicts = match order.status {
        OrderStatus::Finished => verdict.refused.is_some(),
        OrderStatus::Cancelled => verdict.refused.is_none(),
        // It could be seen only after the update: marked as done now, its verdict
        // would be lost.
        OrderStatus::New => {
            return Err(HandleError::retry(format!(
                "order {} is still NEW",
                order.id
            )));
        }
    };
    if contradicts {
        metrics::contradicted();
        tracing::error!(
            order.id = %order.id,
            order.status = order.status.as_str(),
            verdict.paid = verdict.refused.is_none(),
            "a verdict contradicts the order: look at the payment and the ledger"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
