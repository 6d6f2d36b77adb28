use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::{PosterConfig, PosterError};
use crate::{Outcomes, Transfer, metrics};

/// What a group gets: one outcome per transfer, or why there are none.
pub(super) type Answer = Result<Outcomes, PosterError>;

/// The transfers of one call, and where its answer goes.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) transfers: Vec<Transfer>,
    pub(super) arrived: Instant,
    pub(super) deadline: Instant,
    pub(super) answer: oneshot::Sender<Answer>,
}

impl Group {
    pub(super) fn legs(&self) -> usize {
        legs(&self.transfers)
    }
}

pub(super) fn legs(transfers: &[Transfer]) -> usize {
    transfers.iter().map(|transfer| transfer.legs.len()).sum()
}

/// First in, first out, with a limit in groups and one in legs.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
    max_groups: usize,
    max_legs: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    groups: VecDeque<Group>,
    legs: usize,
    closed: bool,
}

impl Queue {
    pub(super) fn new(config: &PosterConfig) -> Self {
        Self {
            waiting: Mutex::default(),
            changed: Notify::new(),
            max_groups: config.queue_groups,
            max_legs: config.queue_legs,
        }
    }

    /// Answers at once: a caller that hears `Overloaded` has waited for nothing.
    pub(super) fn push(&self, group: Group) -> Result<(), PosterError> {
        let mut waiting = self.waiting();
        if waiting.closed {
            return Err(PosterError::Stopped);
        }
        let legs = waiting.legs.saturating_add(group.legs());
        if waiting.groups.len() >= self.max_groups || legs > self.max_legs {
            return Err(PosterError::Overloaded {
                groups: waiting.groups.len(),
                legs: waiting.legs,
            });
        }
        waiting.legs = legs;
        waiting.groups.push_back(group);
        waiting.measure();
        drop(waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// The groups that came first, so many as have `max` transfers together.
    /// A group alone always fits: larger ones are not admitted.
    pub(super) fn take(&self, max: usize) -> Vec<Group> {
        let mut waiting = self.waiting();
        let mut room = max;
        let mut taken = Vec::new();
        while let Some(first) = waiting.groups.front() {
            let Some(rest) = room.checked_sub(first.transfers.len()) else {
                break;
            };
            room = rest;
            if let Some(group) = waiting.groups.pop_front() {
                waiting.legs = waiting.legs.saturating_sub(group.legs());
                taken.push(group);
            }
        }
        waiting.measure();
        taken
    }

    /// Waits for a group. `false`: closed, and nothing is left.
    pub(super) async fn wait(&self) -> bool {
        loop {
            // A permit that was stored before this line is not lost.
            let changed = self.changed.notified();
            {
                let waiting = self.waiting();
                if !waiting.groups.is_empty() {
                    return true;
                }
                if waiting.closed {
                    return false;
                }
            }
            changed.await;
        }
    }

    /// Admits no one any more. What waits may still be taken.
    pub(super) fn close(&self) {
        self.waiting().closed = true;
        self.changed.notify_one();
    }

    /// Closes, and tells those who wait that nothing of theirs was posted.
    pub(super) fn refuse_all(&self) {
        self.close();
        let left = {
            let mut waiting = self.waiting();
            waiting.legs = 0;
            let left = std::mem::take(&mut waiting.groups);
            waiting.measure();
            left
        };
        for group in left {
            // Whoever gave up meanwhile needs no answer.
            let _ = group.answer.send(Err(PosterError::Stopped));
        }
    }

    /// How many groups wait.
    pub(super) fn len(&self) -> usize {
        self.waiting().groups.len()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn measure(&self) {
        let depth = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
        ::metrics::gauge!(metrics::POSTER_QUEUE_GROUPS).set(depth(self.groups.len()));
        ::metrics::gauge!(metrics::POSTER_QUEUE_LEGS).set(depth(self.legs));
    }
}
