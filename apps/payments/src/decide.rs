//! Deciding about the money of orders, many at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use gozon_core::{Clock, Envelope, NewMessage};
use gozon_events::{OrderCreated, Reason};
use gozon_inbox::{BatchHandler, HandleError};
use gozon_ledger::{Asset, Ledger, PostError, Posted};
use uuid::Uuid;

use crate::decision::{Decision, payment};
use crate::store::PaymentStore;
use crate::{chart, metrics};

/// Decides a batch of `order_created`: one claim, one set-based ledger call, one
/// event for each order.
///
/// An order is decided once. A repeat, also one with a new message id, finds the
/// stored decision and sends its event again; a later top-up changes nothing.
pub(crate) struct DecideOrders<D: PaymentStore> {
    ledger: Ledger<D>,
    asset: Asset,
    clock: Arc<dyn Clock>,
}

impl<D: PaymentStore> DecideOrders<D> {
    /// Books in `asset`, the shop's currency.
    pub(crate) fn new(ledger: Ledger<D>, asset: Asset, clock: Arc<dyn Clock>) -> Self {
        Self {
            ledger,
            asset,
            clock,
        }
    }
}

type Wanted<'a> = BTreeMap<Uuid, (OrderCreated, &'a Envelope)>;

#[async_trait]
impl<D: PaymentStore> BatchHandler<D::Tx> for DecideOrders<D> {
    async fn handle(
        &self,
        tx: &mut D::Tx,
        messages: &[Envelope],
        out: &mut Vec<NewMessage>,
    ) -> Result<(), HandleError> {
        let wanted = self.read(messages)?;
        let now = self.clock.now();
        let decisions: Vec<Decision> = wanted
            .values()
            .map(|(order, message)| Decision::paid(order, message, now))
            .collect();

        let claimed = D::claim(tx, &decisions).await?;
        let (fresh, repeated): (Vec<Decision>, Vec<Decision>) = decisions
            .into_iter()
            .partition(|decision| claimed.contains(&decision.order_id));

        for decision in self.decide(tx, fresh, &wanted).await? {
            emit(&decision, &wanted, out)?;
        }
        if !repeated.is_empty() {
            let orders: Vec<Uuid> = repeated.iter().map(|one| one.order_id).collect();
            let stored = D::decisions(tx, &orders).await?;
            metrics::decided("repeated", stored.len());
            for decision in stored {
                tracing::info!(order.id = %decision.order_id, "order was decided before; its result is sent again");
                emit(&decision, &wanted, out)?;
            }
        }
        Ok(())
    }
}

impl<D: PaymentStore> DecideOrders<D> {
    /// The orders of the batch, sorted, each once.
    fn read<'a>(&self, messages: &'a [Envelope]) -> Result<Wanted<'a>, HandleError> {
        let mut wanted = Wanted::new();
        for message in messages {
            let order: OrderCreated = message.decode()?;
            if order.amount <= 0 {
                return Err(HandleError::reject(format!(
                    "amount {} is not positive",
                    order.amount
                )));
            }
            if order.currency != self.asset.as_str() {
                return Err(HandleError::reject(format!(
                    "currency {} is not this shop's {}",
                    order.currency,
                    self.asset.as_str()
                )));
            }
            wanted.entry(order.order_id).or_insert((order, message));
        }
        Ok(wanted)
    }

    /// Asks the ledger, and corrects the claims of what it refused.
    async fn decide(
        &self,
        tx: &mut D::Tx,
        mut fresh: Vec<Decision>,
        wanted: &Wanted<'_>,
    ) -> Result<Vec<Decision>, HandleError> {
        if fresh.is_empty() {
            return Ok(fresh);
        }
        let transfers: Vec<_> = fresh
            .iter()
            .filter_map(|decision| wanted.get(&decision.order_id))
            .map(|(order, _)| payment(order, &self.asset))
            .collect();
        let outcomes = self
            .ledger
            .post_in(tx, &transfers)
            .await
            .map_err(|error| HandleError::by_class(error.class(), error))?;
        let mut refused = Vec::new();
        for (decision, outcome) in fresh.iter_mut().zip(outcomes) {
            let account = chart::account_of(&decision.user_id);
            decision.balance = match &outcome {
                Ok(posted) => posted.balance_of(account).map(|balance| balance.posted),
                Err(_) => None,
            };
            decision.refused = refusal(&decision.user_id, outcome)?;
            refused.extend(decision.refused.map(|reason| (decision.order_id, reason)));
            metrics::decided(decision.refused.map_or("paid", Reason::as_str), 1);
            tracing::info!(
                order.id = %decision.order_id,
                refused = decision.refused.map(Reason::as_str),
                "order decided"
            );
        }
        if !refused.is_empty() {
            D::refuse(tx, &refused).await?;
        }
        Ok(fresh)
    }
}

/// What the ledger's answer means for the order. A missing account of our own,
/// or an id that stands for another transfer, is our fault and no refusal.
///
/// An operator may freeze or close the payer's account. That is a decision like
/// any other and must end the order: as a failure it would be asked again for
/// ever. Closed is like never opened; from a frozen account nothing can be taken
/// now, whatever is on it.
fn refusal(user: &str, outcome: Result<Posted, PostError>) -> Result<Option<Reason>, HandleError> {
    match outcome {
        Ok(_) => Ok(None),
        Err(PostError::InsufficientFunds { .. }) => Ok(Some(Reason::InsufficientFunds)),
        Err(PostError::AccountFrozen { account, .. }) if account == chart::account_of(user) => {
            Ok(Some(Reason::InsufficientFunds))
        }
        Err(PostError::AccountNotFound { account } | PostError::AccountClosed { account })
            if account == chart::account_of(user) =>
        {
            Ok(Some(Reason::NoAccount))
        }
        Err(error) => Err(HandleError::bug(error.to_string())),
    }
}

fn emit(
    decision: &Decision,
    wanted: &Wanted<'_>,
    out: &mut Vec<NewMessage>,
) -> Result<(), HandleError> {
    if let Some((_, cause)) = wanted.get(&decision.order_id) {
        out.push(decision.event()?.caused_by(cause));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use gozon_core::ErrorClass;
    use gozon_ledger::Side;

    use super::*;

    #[test]
    fn what_an_operator_did_to_the_payers_account_refuses_the_order() {
        let account = chart::account_of("anna");
        let side = Side::Debit;
        for (error, reason) in [
            (PostError::AccountNotFound { account }, Reason::NoAccount),
            (PostError::AccountClosed { account }, Reason::NoAccount),
            (
                PostError::AccountFrozen { account, side },
                Reason::InsufficientFunds,
            ),
        ] {
            let described = error.to_string();
            assert_eq!(refusal("anna", Err(error)), Ok(Some(reason)), "{described}");
        }
    }

    #[test]
    fn the_shops_own_account_that_takes_nothing_is_our_fault() {
        let account = chart::revenue();
        let side = Side::Credit;
        for error in [
            PostError::AccountNotFound { account },
            PostError::AccountClosed { account },
            PostError::AccountFrozen { account, side },
        ] {
            let described = error.to_string();
            let refused = refusal("anna", Err(error)).unwrap_err();
            assert_eq!(refused.class(), ErrorClass::Bug, "{described}");
        }
    }
}
