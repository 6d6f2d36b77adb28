use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Notify;

use super::bus::Wakes;
use super::queue::{ConsumerId, Position, Taken, Waiting};
use crate::Envelope;

/// A bounded queue in partitions, each of which one consumer at a time is
/// served from, in order.
///
/// Every message in it is either ready or unsettled at its partition's holder.
/// Partitions are dealt out to the consumers in turn. When that changes, the
/// **heir** waits until the **holder** has settled what it holds, and the
/// holder gets no more meanwhile. **Wake-ups:** whenever "something is ready
/// and its heir may take it" becomes true, the heir is woken.
pub(super) struct Ordered {
    capacity: usize,
    next: u64,
    partitions: Vec<Partition>,
    /// In the order in which they came.
    consumers: Vec<Consumer>,
}

#[derive(Default)]
struct Partition {
    ready: BTreeMap<Position, Waiting>,
    /// Whose the unsettled are. No one's, while there are none.
    holder: Option<ConsumerId>,
    unsettled: BTreeMap<Position, Arc<Envelope>>,
}

struct Consumer {
    id: ConsumerId,
    /// How much of each partition it may hold unsettled.
    share: usize,
    wake: Arc<Notify>,
}

impl Partition {
    fn is_open_to(&self, consumer: &Consumer) -> bool {
        self.holder.is_none_or(|holder| holder == consumer.id)
            && self.unsettled.len() < consumer.share
    }

    /// Everything unsettled returns to its place.
    fn take_back(&mut self) {
        self.holder = None;
        for (position, envelope) in std::mem::take(&mut self.unsettled) {
            self.ready.insert(position, Waiting::again(envelope));
        }
    }

    fn settle(&mut self, id: ConsumerId, position: Position) -> Option<Arc<Envelope>> {
        if self.holder != Some(id) {
            return None;
        }
        let envelope = self.unsettled.remove(&position)?;
        if self.unsettled.is_empty() {
            self.holder = None;
        }
        Some(envelope)
    }
}

impl Ordered {
    pub(super) fn new(capacity: usize, partitions: u16) -> Self {
        Self {
            capacity,
            next: 0,
            partitions: (0..partitions.max(1))
                .map(|_| Partition::default())
                .collect(),
            consumers: Vec::new(),
        }
    }

    /// Whether a publisher may put one more in.
    pub(super) fn has_room(&self) -> bool {
        let ready: usize = self.partitions.iter().map(|of| of.ready.len()).sum();
        ready < self.capacity
    }

    /// Puts a message at the end of its partition.
    pub(super) fn push(&mut self, envelope: Arc<Envelope>, wakes: &mut Wakes) {
        let index = usize::from(envelope.slot()) % self.partitions.len();
        let position = Position::after(self.next, index, self.partitions.len());
        self.next += 1;
        self.partitions[index]
            .ready
            .insert(position, Waiting::first(envelope));
        self.wake_heir(index, wakes);
    }

    pub(super) fn join(
        &mut self,
        id: ConsumerId,
        share: u16,
        wake: Arc<Notify>,
        wakes: &mut Wakes,
    ) {
        let share = usize::from(share);
        self.consumers.push(Consumer { id, share, wake });
        self.wake_heirs(wakes);
    }

    /// Takes the consumer out; whoever inherits begins with what it had not
    /// settled.
    pub(super) fn leave(&mut self, id: ConsumerId, wakes: &mut Wakes) {
        self.consumers.retain(|consumer| consumer.id != id);
        for partition in &mut self.partitions {
            if partition.holder == Some(id) {
                partition.take_back();
            }
        }
        self.wake_heirs(wakes);
    }

    /// What is ready in the consumer's partitions, in the order of publishing,
    /// at most `max` and of each partition what its share allows.
    pub(super) fn take(&mut self, id: ConsumerId, max: usize) -> Vec<Taken> {
        let mut taken = Vec::new();
        while taken.len() < max
            && let Some(index) = self.oldest_for(id)
        {
            let partition = &mut self.partitions[index];
            let Some((position, waiting)) = partition.ready.pop_first() else {
                break;
            };
            partition.holder = Some(id);
            partition
                .unsettled
                .insert(position, Arc::clone(&waiting.envelope));
            taken.push(Taken {
                position,
                envelope: waiting.envelope,
                redelivered: waiting.redelivered,
            });
        }
        taken
    }

    /// The message is done; `None` when this consumer no longer holds it.
    pub(super) fn ack(
        &mut self,
        id: ConsumerId,
        position: Position,
        wakes: &mut Wakes,
    ) -> Option<Arc<Envelope>> {
        let index = position.partition(self.partitions.len());
        let envelope = self.partitions[index].settle(id, position)?;
        self.wake_heir(index, wakes);
        Some(envelope)
    }

    /// The message returns to its place; `false` when this consumer no longer
    /// holds it.
    pub(super) fn give_back(
        &mut self,
        id: ConsumerId,
        position: Position,
        wakes: &mut Wakes,
    ) -> bool {
        let index = position.partition(self.partitions.len());
        let Some(envelope) = self.partitions[index].settle(id, position) else {
            return false;
        };
        let again = Waiting::again(envelope);
        self.partitions[index].ready.insert(position, again);
        self.wake_heir(index, wakes);
        true
    }

    /// Wakes everyone, whatever they wait for.
    pub(super) fn wake_all(&self, wakes: &mut Wakes) {
        for consumer in &self.consumers {
            wakes.add(&consumer.wake);
        }
    }

    fn heir(&self, index: usize) -> Option<&Consumer> {
        let turn = index.checked_rem(self.consumers.len())?;
        self.consumers.get(turn)
    }

    /// The partition whose oldest ready message is the oldest that this
    /// consumer may take.
    fn oldest_for(&self, id: ConsumerId) -> Option<usize> {
        let open = self.partitions.iter().enumerate().filter(|(index, of)| {
            self.heir(*index)
                .is_some_and(|heir| heir.id == id && of.is_open_to(heir))
        });
        open.filter_map(|(index, of)| Some((of.ready.first_key_value()?.0, index)))
            .min()
            .map(|(_, index)| index)
    }

    fn wake_heir(&self, index: usize, wakes: &mut Wakes) {
        let partition = &self.partitions[index];
        if let Some(heir) = self.heir(index)
            && !partition.ready.is_empty()
            && partition.is_open_to(heir)
        {
            wakes.add(&heir.wake);
        }
    }

    fn wake_heirs(&self, wakes: &mut Wakes) {
        for index in 0..self.partitions.len() {
            self.wake_heir(index, wakes);
        }
    }
}
