//! What a consumer does with the deliveries that it received together.

use std::collections::{HashMap, HashSet};

use futures_util::future::join_all;
use gozon_core::{Delivery, Envelope, Incoming, Malformed, MessageId, Settlement, failpoint};
use tokio_util::sync::CancellationToken;

use crate::alone::storable;
use crate::attempt::AttemptError;
use crate::backoff::Backoff;
use crate::consumer::{Engine, Stop};
use crate::database::InboxDatabase;
use crate::handler::HandleError;
use crate::metrics::{self, Outcome};
use crate::store::{Noted, State};

impl<D: InboxDatabase> Engine<D> {
    /// Gives every delivery its outcome and acknowledges it. What is left when
    /// this returns an error was not acknowledged and comes again.
    pub(crate) async fn settle(
        &self,
        batch: Vec<Delivery>,
        stop: &CancellationToken,
    ) -> Result<(), Stop> {
        let Sorted {
            messages,
            suspicious,
            malformed,
            mut settlements,
        } = Sorted::of(batch);
        let settlements = &mut settlements;
        self.keep_malformed(malformed, settlements, stop).await?;
        if self.ordered {
            let suspicious = !suspicious.is_empty();
            return self
                .settle_in_order(messages, suspicious, settlements, stop)
                .await;
        }
        let (redelivered, fresh): (Vec<_>, Vec<_>) = messages
            .into_iter()
            .partition(|message| suspicious.contains(&message.id));
        // First, because they stood in front of the queue.
        self.settle_redelivered(redelivered, settlements, stop)
            .await?;
        self.settle_fresh(fresh, settlements, stop).await
    }

    /// The optimistic path: all messages in one transaction.
    pub(crate) async fn settle_fresh(
        &self,
        messages: Vec<Envelope>,
        settlements: &mut Settlements,
        stop: &CancellationToken,
    ) -> Result<(), Stop> {
        if messages.is_empty() {
            return Ok(());
        }
        metrics::batch(&self.consumer, messages.len());
        let mut backoff = Backoff::up_to(self.config.outage_backoff);
        let mut repeats = 0;
        let known = loop {
            match self.attempt_fresh(&messages).await {
                Ok(Some(known)) => break known,
                Ok(None) => return self.one_by_one(messages, settlements, stop).await,
                Err(AttemptError::Store(error)) => self.endure(error, &mut backoff, stop).await?,
                Err(AttemptError::Handling(error))
                    if error.is_transient() && repeats < self.config.conflict_repeats =>
                {
                    repeats += 1;
                    self.repeat(&error, &mut backoff, stop).await?;
                }
                Err(AttemptError::Handling(error)) => {
                    return self.take_apart(messages, error, settlements, stop).await;
                }
            }
        };
        metrics::handled(&self.consumer, Outcome::Done, messages.len() - known.len());
        self.settle_known(messages, &known, settlements, stop).await
    }

    /// The broker may have delivered these before, to someone who died of one
    /// of them. They are noted, so that the next time each runs alone; this
    /// time those that were not noted yet run in company, because after a
    /// restart of the broker nearly everything comes as redelivered.
    async fn settle_redelivered(
        &self,
        messages: Vec<Envelope>,
        settlements: &mut Settlements,
        stop: &CancellationToken,
    ) -> Result<(), Stop> {
        if let [only] = messages.as_slice() {
            self.alone(only, None, stop).await?;
            self.acknowledge(settlements, &[only.id]).await;
            return Ok(());
        }
        if messages.is_empty() {
            return Ok(());
        }
        let ids = ids_of(&messages);
        let noting = || self.store.note_trying(&self.consumer, &ids);
        let Noted { new, known } = self.hold(stop, noting).await?;
        let (company, others): (Vec<_>, Vec<_>) = messages
            .into_iter()
            .partition(|message| new.contains(&message.id));
        self.settle_known(others, &known, settlements, stop).await?;
        self.settle_noted(company, settlements, stop).await
    }

    pub(crate) async fn settle_noted(
        &self,
        messages: Vec<Envelope>,
        settlements: &mut Settlements,
        stop: &CancellationToken,
    ) -> Result<(), Stop> {
        if messages.is_empty() {
            return Ok(());
        }
        metrics::batch(&self.consumer, messages.len());
        let mut backoff = Backoff::up_to(self.config.outage_backoff);
        let mut repeats = 0;
        loop {
            match self.attempt_noted(&messages).await {
                Ok(()) => break,
                Err(AttemptError::Store(error)) => self.endure(error, &mut backoff, stop).await?,
                Err(AttemptError::Handling(error))
                    if error.is_transient() && repeats < self.config.conflict_repeats =>
                {
                    repeats += 1;
                    self.repeat(&error, &mut backoff, stop).await?;
                }
                Err(AttemptError::Handling(error)) => {
                    return self.take_apart(messages, error, settlements, stop).await;
                }
            }
        }
        metrics::handled(&self.consumer, Outcome::Done, messages.len());
        let ids = ids_of(&messages);
        self.acknowledge(settlements, &ids).await;
        Ok(())
    }

    /// Messages whose marks existed: what has its outcome is acknowledged, what
    /// was being tried is tried again, alone.
    pub(crate) async fn settle_known(
        &self,
        messages: Vec<Envelope>,
        known: &HashMap<MessageId, State>,
        settlements: &mut Settlements,
        stop: &CancellationToken,
    ) -> Result<(), Stop> {
        let (tried, settled): (Vec<_>, Vec<_>) = messages
            .into_iter()
            .partition(|message| known.get(&message.id) == Some(&State::Trying));
        let duplicates = settled
            .iter()
            .filter(|message| known.contains_key(&message.id))
            .count();
        metrics::handled(&self.consumer, Outcome::Duplicate, duplicates);
        let ids = ids_of(&settled);
        self.acknowledge(settlements, &ids).await;
        self.one_by_one(tried, settlements, stop).await
    }

    /// A batch failed for the sake of one of its messages.
    async fn take_apart(
        &self,
        messages: Vec<Envelope>,
        error: HandleError,
        settlements: &mut Settlements,
        stop: &CancellationToken,
    ) -> Result<(), Stop> {
        if let [only] = messages.as_slice() {
            self.alone(only, Some(error), stop).await?;
            self.acknowledge(settlements, &[only.id]).await;
            return Ok(());
        }
        metrics::count(metrics::FALLBACKS, &self.consumer);
        tracing::debug!(consumer = self.consumer, %error, "a batch is taken apart");
        self.one_by_one(messages, settlements, stop).await
    }

    pub(crate) async fn one_by_one(
        &self,
        messages: Vec<Envelope>,
        settlements: &mut Settlements,
        stop: &CancellationToken,
    ) -> Result<(), Stop> {
        for message in messages {
            // An earlier one of its key may just have been put aside.
            if self.ordered && self.waits(&message, stop).await? {
                self.acknowledge(settlements, &[message.id]).await;
                continue;
            }
            self.alone(&message, None, stop).await?;
            self.acknowledge(settlements, &[message.id]).await;
        }
        Ok(())
    }

    async fn keep_malformed(
        &self,
        malformed: Vec<Malformed>,
        settlements: &mut Settlements,
        stop: &CancellationToken,
    ) -> Result<(), Stop> {
        if malformed.is_empty() {
            return Ok(());
        }
        let keeping = || self.store.keep_malformed(&self.consumer, &malformed);
        let new = self.hold(stop, keeping).await?;
        for one in malformed.iter().filter(|one| new.contains(&one.id)) {
            metrics::count(metrics::MALFORMED, &self.consumer);
            tracing::error!(
                consumer = self.consumer,
                message.id = %one.id,
                reason = one.reason,
                "what arrived is no message; it was kept as a dead letter"
            );
        }
        let ids: Vec<MessageId> = malformed.iter().map(|one| one.id).collect();
        self.acknowledge(settlements, &ids).await;
        Ok(())
    }

    /// Only after the commit, and never a reason to fail: a lost
    /// acknowledgement brings the message again, and its mark is there.
    /// All at the same time, so that a transport can send them together.
    pub(crate) async fn acknowledge(&self, settlements: &mut Settlements, ids: &[MessageId]) {
        let acks = ids.iter().flat_map(|id| {
            let of_one = settlements.remove(id).unwrap_or_default();
            of_one.into_iter().map(|settlement| (*id, settlement))
        });
        let acks = acks.map(async |(id, settlement)| (id, settlement.ack().await));
        for (id, answer) in join_all(acks).await {
            if let Err(error) = answer {
                metrics::count(metrics::LOST_ACKS, &self.consumer);
                tracing::debug!(consumer = self.consumer, message.id = %id, %error, "lost ack");
            }
        }
        failpoint!("inbox.acked");
    }
}

pub(crate) fn ids_of(messages: &[Envelope]) -> Vec<MessageId> {
    messages.iter().map(|message| message.id).collect()
}

/// Several deliveries of one message are settled together.
pub(crate) type Settlements = HashMap<MessageId, Vec<Settlement>>;

/// Deliveries by what has to be done with them; each message once, in the order
/// of arrival.
struct Sorted {
    messages: Vec<Envelope>,
    /// Those which the broker may have delivered before.
    suspicious: HashSet<MessageId>,
    malformed: Vec<Malformed>,
    settlements: Settlements,
}

impl Sorted {
    fn of(batch: Vec<Delivery>) -> Self {
        let mut contents = Vec::with_capacity(batch.len());
        let mut settlements = Settlements::with_capacity(batch.len());
        let mut suspicious = HashSet::new();
        for delivery in batch {
            let (incoming, redelivered, settlement) = delivery.into_parts();
            let id = match &incoming {
                Incoming::Message(envelope) => envelope.id,
                Incoming::Malformed(malformed) => malformed.id,
            };
            if redelivered {
                suspicious.insert(id);
            }
            let settlements = settlements.entry(id).or_default();
            if settlements.is_empty() {
                contents.push(incoming);
            }
            settlements.push(settlement);
        }
        let mut sorted = Self {
            messages: Vec::with_capacity(contents.len()),
            suspicious,
            malformed: Vec::new(),
            settlements,
        };
        for incoming in contents {
            match incoming {
                Incoming::Message(envelope) => sorted.messages.push(envelope),
                Incoming::Malformed(malformed) => sorted.malformed.push(Malformed {
                    reason: storable(&malformed.reason),
                    headers: malformed.headers.replace('\0', ""),
                    ..malformed
                }),
            }
        }
        sorted
    }
}
