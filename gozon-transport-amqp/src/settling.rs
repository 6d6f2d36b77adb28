//! How the deliveries of one channel are settled.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use gozon_core::{Delivery, Incoming, Settle, SettleError};
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use tokio::sync::SetOnce;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::inbound::{Inbound, Place};
use crate::metrics;
use crate::tags::{Split, Tags};

/// Settles what one channel delivers. Acknowledgements that are given at the same
/// time are written together, and as few: a quorum queue writes each down in its
/// log, and each frame on its own costs both ends a turn.
pub(crate) struct Settling {
    channel: Channel,
    /// How long the channel may take to write.
    limit: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tags: Tags,
    /// Acknowledged, and to be written by whoever came first.
    together: Vec<u64>,
    round: Arc<Round>,
}

/// What came of the acknowledgements that were written together.
type Round = SetOnce<Result<(), SettleError>>;

impl Settling {
    pub(crate) fn new(channel: Channel, limit: Duration) -> Self {
        Self {
            channel,
            limit,
            state: Mutex::default(),
        }
    }

    /// To be told of each delivery before anybody can settle it.
    pub(crate) fn delivered(&self, tag: u64) {
        self.state().tags.delivered(tag);
    }

    async fn ack(&self, tag: u64) -> Result<(), SettleError> {
        let (round, first) = {
            let mut state = self.state();
            state.together.push(tag);
            (Arc::clone(&state.round), state.together.len() == 1)
        };
        if !first {
            return round.wait().await.clone();
        }
        let writing = Writing {
            settling: self,
            round,
        };
        // Whoever acknowledges at the same time joins now.
        yield_now().await;
        let tags = self.close_round();
        let written = self.within_limit(self.write(&tags)).await;
        if written.is_ok() {
            self.state().tags.settled(&tags);
        }
        writing.end(written.clone());
        written
    }

    /// What was acknowledged together; what comes from now on is another round.
    fn close_round(&self) -> Vec<u64> {
        let mut state = self.state();
        state.round = Arc::default();
        std::mem::take(&mut state.together)
    }

    async fn write(&self, tags: &[u64]) -> lapin::Result<()> {
        let Split { all_up_to, single } = self.state().tags.split(tags);
        let frames = all_up_to
            .map(|tag| (tag, true))
            .into_iter()
            .chain(single.into_iter().map(|tag| (tag, false)));
        let frames =
            frames.map(|(tag, multiple)| self.channel.basic_ack(tag, BasicAckOptions { multiple }));
        try_join_all(frames).await.map(drop)
    }

    async fn requeue(&self, tag: u64) -> Result<(), SettleError> {
        let options = BasicNackOptions {
            multiple: false,
            requeue: true,
        };
        self.within_limit(self.channel.basic_nack(tag, options))
            .await?;
        self.state().tags.settled(&[tag]);
        Ok(())
    }

    async fn within_limit(
        &self,
        settling: impl Future<Output = lapin::Result<()>>,
    ) -> Result<(), SettleError> {
        let reason = match timeout(self.limit, settling).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("not written within {:?}", self.limit),
        };
        ::metrics::counter!(metrics::SETTLE_FAILURES).increment(1);
        Err(SettleError { reason })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever waits for a round hears of its end, also when its writer was dropped.
struct Writing<'a> {
    settling: &'a Settling,
    round: Arc<Round>,
}

impl Writing<'_> {
    fn end(&self, written: Result<(), SettleError>) {
        // Refused only where it has its end already.
        let _ = self.round.set(written);
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if Arc::ptr_eq(&self.round, &self.settling.state().round) {
            self.settling.close_round();
        }
        self.end(Err(SettleError {
            reason: "whoever wrote it was interrupted".to_owned(),
        }));
    }
}

/// Settles one delivery, on the channel that it came on: its tag means nothing,
/// or another message, anywhere else.
pub(crate) struct AmqpSettle {
    pub(crate) settling: Arc<Settling>,
    pub(crate) tag: u64,
}

// lapin's `Acker` answers `Ok(false)` on a dead channel and starts a task per
// acknowledgement; the channel itself answers with an error, and at once.
#[async_trait]
impl Settle for AmqpSettle {
    async fn ack(self: Box<Self>) -> Result<(), SettleError> {
        self.settling.ack(self.tag).await
    }

    async fn requeue(self: Box<Self>) -> Result<(), SettleError> {
        self.settling.requeue(self.tag).await
    }
}

/// Settles one delivery of an ordered subscription.
///
/// The broker would put a requeued message behind those that it has sent us
/// already. So it does not hear of it: the message stays unsettled there, and
/// waits here once more, in its place.
pub(crate) struct OrderedSettle {
    pub(crate) settle: AmqpSettle,
    /// Weak, because what waits in there has one of these itself.
    pub(crate) inbound: Weak<Inbound>,
    pub(crate) place: Place,
    pub(crate) incoming: Incoming,
}

#[async_trait]
impl Settle for OrderedSettle {
    async fn ack(self: Box<Self>) -> Result<(), SettleError> {
        Box::new(self.settle).ack().await
    }

    async fn requeue(self: Box<Self>) -> Result<(), SettleError> {
        let (place, inbound) = (self.place, self.inbound.upgrade());
        let again = Delivery::new(self.incoming.clone(), true, self);
        if inbound.is_some_and(|inbound| inbound.put_back(place, again)) {
            return Ok(());
        }
        ::metrics::counter!(metrics::SETTLE_FAILURES).increment(1);
        Err(SettleError {
            reason: "its consumer is gone".to_owned(),
        })
    }
}
