//! Changes of orders, as every instance hears them.

use std::sync::Arc;
use std::time::Duration;

use gozon_core::{
    Deliveries, ErrorClass, Event, Incoming, Received, Subscriber, Subscription, TransportError,
};
use gozon_events::OrderStatusChanged;
use tokio_util::sync::CancellationToken;

use crate::watch::Watchers;

/// The subscription that every live instance has for itself.
pub(crate) fn subscription() -> Subscription {
    Subscription::broadcast("orders.watchers", &[OrderStatusChanged::TYPE])
}

/// Passes each change to this instance's sockets, until `shutdown` or until the
/// transport is closed. After an interruption every socket reads again.
///
/// # Errors
/// When the subscription can never stand.
pub(crate) async fn run(
    subscriber: Arc<dyn Subscriber>,
    watchers: Watchers,
    shutdown: CancellationToken,
) -> Result<(), TransportError> {
    let subscribing = shutdown.run_until_cancelled(subscribe(&*subscriber));
    let Some(deliveries) = subscribing.await else {
        return Ok(());
    };
    let mut deliveries = deliveries?;
    // Sockets may have opened before the subscription stood.
    watchers.resync();
    loop {
        let received = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            received = deliveries.receive(256) => received,
        };
        let batch = match received {
            Received::Batch(batch) => batch,
            Received::Resumed => {
                watchers.resync();
                continue;
            }
            Received::Closed => return Ok(()),
        };
        for delivery in batch {
            match &delivery.incoming {
                Incoming::Message(message) => match message.decode::<OrderStatusChanged>() {
                    Ok(change) => watchers.publish(change),
                    Err(error) => {
                        tracing::warn!(message.id = %message.id, %error, "not a change of an order");
                    }
                },
                Incoming::Malformed(malformed) => {
                    tracing::warn!(reason = malformed.reason, "not a message");
                }
            }
            // Broadcast: what cannot be acknowledged is gone, and Resumed follows.
            if let Err(error) = delivery.ack().await {
                tracing::debug!(%error, "broadcast delivery was not acknowledged");
            }
        }
    }
}

/// Subscribes, waiting for a broker that is away.
async fn subscribe(subscriber: &dyn Subscriber) -> Result<Box<dyn Deliveries>, TransportError> {
    let subscription = subscription();
    loop {
        let error = match subscriber.declare(&subscription).await {
            Ok(()) => match subscriber.subscribe(&subscription).await {
                Ok(deliveries) => return Ok(deliveries),
                Err(error) => error,
            },
            Err(error) => error,
        };
        if error.class() != ErrorClass::Retry {
            return Err(error);
        }
        tracing::warn!(%error, "cannot listen to changes yet");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
