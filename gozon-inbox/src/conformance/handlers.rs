use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gozon_core::{Clock, Envelope, MessageId, NewMessage, SystemClock};
use tokio::sync::Semaphore;

use super::probe::Probe;
use crate::dead::DeadLetter;
use crate::handler::{BatchHandler, HandleError};

/// How a call of a handler ends, after it has left its effects.
#[derive(Debug, Clone)]
pub enum Act {
    /// With an error.
    Fail(HandleError),
    /// With a panic.
    Panic,
    /// Well, but only when the gate opens.
    Wait(Arc<Semaphore>),
}

/// A handler that leaves one effect per message (its id), sends one message per
/// message, and then acts as it was told. Remembers what it was called with.
pub struct Scripted<D> {
    acts: Mutex<HashMap<MessageId, Vec<Act>>>,
    calls: Mutex<Vec<Vec<MessageId>>>,
    database: PhantomData<fn() -> D>,
}

impl<D> Default for Scripted<D> {
    fn default() -> Self {
        Self {
            acts: Mutex::default(),
            calls: Mutex::default(),
            database: PhantomData,
        }
    }
}

impl<D> Scripted<D> {
    /// The next `times` calls with this message end like this.
    #[must_use]
    pub fn on(self, id: MessageId, times: usize, act: Act) -> Self {
        let more = std::iter::repeat_n(act, times);
        self.acts
            .lock()
            .unwrap()
            .entry(id)
            .or_default()
            .extend(more);
        self
    }

    /// The messages of each call.
    pub fn calls(&self) -> Vec<Vec<MessageId>> {
        self.calls.lock().unwrap().clone()
    }

    fn next_act(&self, messages: &[Envelope]) -> Option<Act> {
        let ids = messages.iter().map(|message| message.id);
        self.calls.lock().unwrap().push(ids.clone().collect());
        let mut acts = self.acts.lock().unwrap();
        for id in ids {
            if let Some(acts) = acts.get_mut(&id).filter(|acts| !acts.is_empty()) {
                return Some(acts.remove(0));
            }
        }
        None
    }
}

#[async_trait]
impl<D: Probe> BatchHandler<D::Tx> for Scripted<D> {
    async fn handle(
        &self,
        tx: &mut D::Tx,
        messages: &[Envelope],
        out: &mut Vec<NewMessage>,
    ) -> Result<(), HandleError> {
        let act = self.next_act(messages);
        for message in messages {
            D::write(tx, &message.id.to_string()).await?;
            let answer = NewMessage {
                envelope: envelope("answer"),
                delay: None,
            };
            out.push(answer.caused_by(message));
        }
        match act {
            None => Ok(()),
            Some(Act::Fail(error)) => Err(error),
            Some(Act::Panic) => panic!("scripted"),
            Some(Act::Wait(gate)) => {
                gate.acquire().await.unwrap().forget();
                Ok(())
            }
        }
    }
}

/// A message with nothing in it.
pub fn envelope(kind: &str) -> Envelope {
    Envelope {
        id: MessageId::generate(),
        source: "/conformance".into(),
        kind: kind.into(),
        subject: None,
        time: SystemClock.now(),
        content_type: "application/json".into(),
        schema: None,
        key: None,
        correlation_id: None,
        causation_id: None,
        traceparent: None,
        tracestate: None,
        published_at: None,
        received_at: None,
        data: (&b"{}"[..]).into(),
    }
}

/// Whether a letter holds all of a message, and when it was received.
pub(super) fn holds_all(letter: &DeadLetter, message: &Envelope) -> bool {
    let held = Envelope::from_stored(&letter.attributes, letter.data.clone());
    let mut held = held.unwrap();
    held.received_at.take().is_some() && held == *message
}
