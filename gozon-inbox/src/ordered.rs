//! What changes where order per key matters (ADR 12): while a message of a key
//! waits for its next attempt, or for a person, the later ones of its key wait
//! behind it, in our own table.

use gozon_core::Envelope;
use tokio_util::sync::CancellationToken;

use crate::alone::written;
use crate::consumer::{Engine, Stop};
use crate::database::InboxDatabase;
use crate::delivered::{Settlements, ids_of};
use crate::line::{Behind, Line};
use crate::metrics::{self, Outcome};
use crate::store::{Noted, State};

impl<D: InboxDatabase> Engine<D> {
    /// The line that a message would hold up.
    pub(crate) fn line_of(&self, message: &Envelope) -> Option<Line> {
        let key = message.key.as_deref().filter(|_| self.ordered)?;
        Some(Line::of(key))
    }

    /// As [`Engine::settle`], in the order of arrival: what has to run alone
    /// takes the whole batch with it.
    pub(crate) async fn settle_in_order(
        &self,
        messages: Vec<Envelope>,
        suspicious: bool,
        settlements: &mut Settlements,
        stop: &CancellationToken,
    ) -> Result<(), Stop> {
        let messages = self.queue_up(messages, settlements, stop).await?;
        if !suspicious || messages.is_empty() {
            return self.settle_fresh(messages, settlements, stop).await;
        }
        if messages.len() == 1 {
            return self.one_by_one(messages, settlements, stop).await;
        }
        let ids = ids_of(&messages);
        let noting = || self.store.note_trying(&self.consumer, &ids);
        let Noted { new, known } = self.hold(stop, noting).await?;
        if known.values().any(|state| *state == State::Trying) {
            return self.one_by_one(messages, settlements, stop).await;
        }
        let (company, others): (Vec<_>, Vec<_>) = messages
            .into_iter()
            .partition(|message| new.contains(&message.id));
        self.settle_known(others, &known, settlements, stop).await?;
        self.settle_noted(company, settlements, stop).await
    }

    /// Lets those wait whose line is occupied; the others are returned, in
    /// order. A line that is empty now stays empty until we put someone in it:
    /// the messages of a key come to one consumer at a time, and only what it
    /// could not handle begins a line.
    async fn queue_up(
        &self,
        messages: Vec<Envelope>,
        settlements: &mut Settlements,
        stop: &CancellationToken,
    ) -> Result<Vec<Envelope>, Stop> {
        let lines: Vec<Line> = messages
            .iter()
            .filter_map(|one| self.line_of(one))
            .collect();
        if lines.is_empty() {
            return Ok(messages);
        }
        let asking = || self.store.occupied_lines(&self.consumer, &lines);
        let occupied = self.hold(stop, asking).await?;
        if occupied.is_empty() {
            return Ok(messages);
        }
        let behind: Vec<Behind> = messages
            .iter()
            .filter_map(|message| {
                let line = self
                    .line_of(message)
                    .filter(|line| occupied.contains(line))?;
                let (attributes, _) = written(message);
                Some(Behind {
                    id: message.id,
                    line,
                    attributes,
                    data: message.data.clone(),
                })
            })
            .collect();
        let queueing = || self.store.queue_up(&self.consumer, &behind);
        let waiting = self.hold(stop, queueing).await?;
        let (waiting, free): (Vec<_>, Vec<_>) = messages
            .into_iter()
            .partition(|message| waiting.contains(&message.id));
        metrics::handled(&self.consumer, Outcome::Held, waiting.len());
        self.acknowledge(settlements, &ids_of(&waiting)).await;
        Ok(free)
    }

    /// True if the message now waits behind an earlier one of its key.
    pub(crate) async fn waits(
        &self,
        message: &Envelope,
        stop: &CancellationToken,
    ) -> Result<bool, Stop> {
        let one = vec![message.clone()];
        let free = self.queue_up(one, &mut Settlements::new(), stop).await?;
        Ok(free.is_empty())
    }

    /// Gives lines their turn whose front was handled by a process that ended
    /// before it could say so.
    pub(crate) async fn free_stuck_lines(&self) -> Result<(), gozon_sqlx::DbError> {
        const LINES: u32 = 1_000;
        for front in self.store.stuck_lines(&self.consumer, LINES).await? {
            self.store.leave_line(&self.consumer, front).await?;
        }
        Ok(())
    }
}
