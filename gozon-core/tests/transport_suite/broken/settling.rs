use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gozon_core::{Delivery, Incoming, Settle, SettleError, Settlement};

use super::{Fault, State};

/// What a stream has handed out and not settled.
pub(super) type Registry = Arc<Mutex<Vec<Settlement>>>;

/// The same delivery, settled as the fault wants it.
pub(super) async fn broken(
    state: &Arc<State>,
    registry: &Registry,
    delivery: Delivery,
) -> Delivery {
    let (incoming, redelivered, settlement) = delivery.into_parts();
    let redelivered = match state.fault {
        Fault::FlagsEverything => true,
        Fault::FlagsNothing => false,
        _ => redelivered,
    };
    let settle: Box<dyn Settle> = match state.fault {
        Fault::AcksOnReceive => {
            settlement.ack().await.unwrap();
            Box::new(Nothing)
        }
        Fault::AckSettlesAll => {
            registry.lock().unwrap().push(settlement);
            Box::new(Everything(Arc::clone(registry)))
        }
        _ => Box::new(One {
            state: Arc::clone(state),
            incoming: incoming.clone(),
            settlement,
        }),
    };
    Delivery::new(incoming, redelivered, settle)
}

/// Settles nothing, and says that it did.
pub(super) struct Nothing;

#[async_trait]
impl Settle for Nothing {
    async fn ack(self: Box<Self>) -> Result<(), SettleError> {
        Ok(())
    }

    async fn requeue(self: Box<Self>) -> Result<(), SettleError> {
        Ok(())
    }
}

struct Everything(Registry);

#[async_trait]
impl Settle for Everything {
    async fn ack(self: Box<Self>) -> Result<(), SettleError> {
        let all = std::mem::take(&mut *self.0.lock().unwrap());
        for settlement in all {
            settlement.ack().await?;
        }
        Ok(())
    }

    async fn requeue(self: Box<Self>) -> Result<(), SettleError> {
        Ok(())
    }
}

struct One {
    state: Arc<State>,
    incoming: Incoming,
    settlement: Settlement,
}

#[async_trait]
impl Settle for One {
    async fn ack(self: Box<Self>) -> Result<(), SettleError> {
        match self.state.fault {
            Fault::AckMakesNoRoom => {
                std::mem::forget(self.settlement);
                return Ok(());
            }
            Fault::ForgetsAcks => {
                if let Incoming::Message(envelope) = self.incoming {
                    self.state.acked.lock().unwrap().push(envelope);
                }
            }
            _ => {}
        }
        self.settlement.ack().await
    }

    async fn requeue(self: Box<Self>) -> Result<(), SettleError> {
        match self.state.fault {
            Fault::RequeueAcks => self.settlement.ack().await,
            Fault::RequeuesLate => {
                self.state.requeued.lock().unwrap().push(self.settlement);
                Ok(())
            }
            _ => self.settlement.requeue().await,
        }
    }
}
