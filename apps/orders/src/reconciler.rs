//! The end-to-end repair: orders that wait too long ask payments again.

use std::sync::Arc;
use std::time::Duration;

use gozon_core::{Clock, NewMessage};
use gozon_outbox::Outbox;
use gozon_sqlx::{Db, UnitOfWork};
use tokio_util::sync::CancellationToken;

use crate::order::{Postponed, patience};
use crate::store::OrderStore;
use crate::{SOURCE, metrics};

/// Orders looked at in one round. With a round in each quarter of
/// `GOZON_RECONCILE_AFTER`, between ten a second and one in five seconds, it bounds
/// the rate at which events are sent again.
const PER_ROUND: i64 = 100;

/// Sends `order_created` again, with a new id, for orders that stay NEW after
/// their event left the outbox.
///
/// Confirmed by the broker is not handled by payments: a queue can be deleted, a
/// disk lost. Payments never decides an order twice, so asking again is safe.
/// Its counter staying at 0 is itself a sign of health.
pub(crate) struct Reconciler<D: OrderStore> {
    db: Db<D>,
    outbox: Outbox<D>,
    clock: Arc<dyn Clock>,
    after: Duration,
}

impl<D: OrderStore> Reconciler<D> {
    /// Looks after orders that are NEW for longer than `after`.
    pub(crate) fn new(
        db: Db<D>,
        outbox: Outbox<D>,
        clock: Arc<dyn Clock>,
        after: Duration,
    ) -> Self {
        Self {
            db,
            outbox,
            clock,
            after,
        }
    }

    /// Works until `shutdown`. Failures are logged and tried again next round.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let pause = (self.after / 4).clamp(Duration::from_millis(100), Duration::from_secs(5));
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            match self.round().await {
                Ok(0) => {}
                Ok(count) => {
                    metrics::reemitted(count);
                    tracing::warn!(count, "orders waited too long; payments was asked again");
                }
                Err(error) => tracing::warn!(%error, "the reconciler's round failed"),
            }
        }
    }

    /// One round; returns how many events were sent again.
    ///
    /// # Errors
    /// When the database fails; then nothing was sent.
    pub(crate) async fn round(&self) -> anyhow::Result<usize> {
        let now = self.clock.now();
        let mut unit = UnitOfWork::begin(&self.db, Arc::new(self.outbox.clone())).await?;
        let waiting = D::claim_unsettled(unit.tx(), now, PER_ROUND).await?;
        if waiting.is_empty() {
            unit.rollback().await?;
            return Ok(0);
        }
        let keys: Vec<String> = waiting.iter().map(|w| w.order.id.to_string()).collect();
        let pending = self.outbox.keys_pending(unit.tx(), &keys).await?;
        let mut plan = Vec::with_capacity(waiting.len());
        let mut count = 0;
        for (waiting, key) in waiting.iter().zip(&keys) {
            // While the event waits in the outbox the relay is at it.
            let reemitted = !pending.contains(key);
            let times = waiting.reemitted + u32::from(reemitted);
            if reemitted {
                unit.emit(NewMessage::of(SOURCE, &waiting.order.created())?);
                count += 1;
            }
            plan.push(Postponed {
                order_id: waiting.order.id,
                reemitted,
                until: now + patience(self.after, times),
            });
        }
        D::postpone(unit.tx(), &plan).await?;
        unit.commit().await?;
        Ok(count)
    }
}
