//! One transaction: marks, handler, outgoing messages, commit.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use gozon_core::{Envelope, MessageId, NewMessage, failpoint, trace};
use gozon_sqlx::{DbError, UnitOfWork};
use tracing::Instrument;

use crate::consumer::Engine;
use crate::database::InboxDatabase;
use crate::delivered::ids_of;
use crate::handler::HandleError;
use crate::store::State;
use crate::tracing_of::{inherit_traces, trace_of};

/// How long a rollback is waited for; the server does it anyway.
const ROLLBACK: Duration = Duration::from_secs(5);

/// Why a transaction did not commit. In either case it was rolled back, or its
/// connection is gone.
#[derive(Debug)]
pub(crate) enum AttemptError {
    /// Before the handler was called.
    Store(DbError),
    /// In the handler, while appending its messages, or in the commit.
    Handling(HandleError),
}

impl From<DbError> for AttemptError {
    fn from(error: DbError) -> Self {
        Self::Store(error)
    }
}

impl<D: InboxDatabase> Engine<D> {
    /// Marks the messages as done and handles those that are new. Answers with
    /// the state of the others, whose marks existed. `None`: nothing was done,
    /// because order matters and one of them has to run alone.
    pub(crate) async fn attempt_fresh(
        &self,
        messages: &[Envelope],
    ) -> Result<Option<HashMap<MessageId, State>>, AttemptError> {
        let ids = ids_of(messages);
        let mut unit = self.begin().await?;
        let new = self
            .marks
            .insert_done(unit.tx(), &self.consumer, &ids)
            .await?;
        if new.len() == messages.len() {
            self.perform(unit, messages).await?;
            return Ok(Some(HashMap::new()));
        }
        // The next statement sees what the insert has waited for.
        let others: Vec<MessageId> = ids.into_iter().filter(|id| !new.contains(id)).collect();
        let known = self
            .marks
            .states(unit.tx(), &self.consumer, &others)
            .await?;
        if self.ordered && known.values().any(|state| *state == State::Trying) {
            give_up(unit).await;
            return Ok(None);
        }
        self.perform(unit, &chosen(messages, |id| new.contains(&id)))
            .await?;
        Ok(Some(known))
    }

    /// Handles, in company, messages that were noted as `trying`. Those which
    /// have got their outcome meanwhile are left out.
    pub(crate) async fn attempt_noted(&self, messages: &[Envelope]) -> Result<(), AttemptError> {
        let ids = ids_of(messages);
        let mut unit = self.begin().await?;
        let ours = self
            .marks
            .finish_tried(unit.tx(), &self.consumer, &ids)
            .await?;
        self.perform(unit, &chosen(messages, |id| ours.contains(&id)))
            .await
    }

    /// Handles one message whose attempt was committed; false if it has its
    /// outcome, or belongs to someone else.
    pub(crate) async fn attempt_alone(
        &self,
        message: &Envelope,
        attempts: u32,
    ) -> Result<bool, AttemptError> {
        let mut unit = self.begin().await?;
        let ours = self
            .marks
            .finish(unit.tx(), &self.consumer, message.id, attempts)
            .await?;
        if !ours {
            give_up(unit).await;
            return Ok(false);
        }
        self.perform(unit, std::slice::from_ref(message)).await?;
        Ok(true)
    }

    async fn begin(&self) -> Result<UnitOfWork<D>, DbError> {
        UnitOfWork::begin(&self.db, Arc::clone(&self.outbox)).await
    }

    async fn perform(
        &self,
        mut unit: UnitOfWork<D>,
        messages: &[Envelope],
    ) -> Result<(), AttemptError> {
        if messages.is_empty() {
            give_up(unit).await;
            return Ok(());
        }
        let (tx, out) = unit.parts();
        if let Err(error) = self.call(tx, messages, out).await {
            // Waited for, so that the locks are gone before the next try.
            give_up(unit).await;
            return Err(AttemptError::Handling(error));
        }
        failpoint!("inbox.handled");
        let committed = unit.commit().await;
        // A lost commit may have happened: the marks answer that at the repeat.
        committed
            .map_err(|error| AttemptError::Handling(HandleError::by_class(error.class(), error)))?;
        failpoint!("inbox.committed");
        Ok(())
    }

    async fn call(
        &self,
        tx: &mut D::Tx,
        messages: &[Envelope],
        out: &mut Vec<NewMessage>,
    ) -> Result<(), HandleError> {
        let limit = self.config.handler_timeout;
        let span = tracing::info_span!(
            "inbox.handle",
            consumer = self.consumer,
            messages = messages.len(),
            trace_id = tracing::field::Empty,
            message.id = tracing::field::Empty,
            message.type = tracing::field::Empty,
        );
        let trace = match messages {
            [only] => {
                let trace = trace_of(only);
                span.record("trace_id", trace.trace_id());
                span.record("message.id", tracing::field::display(only.id));
                span.record("message.type", only.kind.as_str());
                Some(trace)
            }
            _ => None,
        };
        let handling = contained(async { self.handler.handle(tx, messages, out).await });
        let handling = tokio::time::timeout(limit, handling).instrument(span);
        let result = match trace {
            Some(trace) => trace::scope(trace, handling).await,
            None => handling.await,
        };
        result.unwrap_or_else(|_| {
            Err(HandleError::retry(format!(
                "the handler took longer than {limit:?}"
            )))
        })?;
        inherit_traces(messages, out);
        Ok(())
    }
}

fn chosen(messages: &[Envelope], wanted: impl Fn(MessageId) -> bool) -> Vec<Envelope> {
    let wanted = messages.iter().filter(|message| wanted(message.id));
    wanted.cloned().collect()
}

async fn give_up<D: InboxDatabase>(unit: UnitOfWork<D>) {
    // If it fails or takes too long, the connection is dropped and the server
    // rolls back.
    if let Ok(Err(error)) = tokio::time::timeout(ROLLBACK, unit.rollback()).await {
        tracing::debug!(%error, "a rollback was not answered");
    }
}

/// A handler that panics has a bug; its neighbours do not.
async fn contained(
    handling: impl Future<Output = Result<(), HandleError>>,
) -> Result<(), HandleError> {
    // The handler is not polled again and its transaction rolls back, so nobody
    // sees what the panic left half done.
    let handled = caught(handling).await;
    handled.unwrap_or_else(|| Err(HandleError::bug("the handler panicked")))
}

/// What `work` answers; `None` if it panicked.
pub(crate) async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(
        |context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(polled) => polled.map(Some),
            Err(_) => Poll::Ready(None),
        },
    )
    .await
}
