//! The in-process transport with one fault at a time.

#![allow(clippy::unwrap_used)] // only tests use these, outside a function marked as one

mod publishing;
mod receiving;
mod settling;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gozon_core::conformance::transport::{Candidate, Harness, HarnessError};
use gozon_core::{Envelope, InProcess, InProcessConfig, MessageId, Settlement};

/// What is wrong with the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing: the sound transport, through the same wrapper.
    None,
    /// Confirms and delivers nothing.
    LosesMessages,
    /// Answers with the outcomes in reverse.
    ReversesOutcomes,
    /// Leaves the last outcome out.
    AnswersShort,
    /// Takes what was returned for confirmed, as an acknowledgement that comes
    /// after the return invites to.
    ConfirmsTheUnroutable,
    /// Refuses a message that it has seen.
    RefusesRepeats,
    /// Waits for the last batch before it publishes the next.
    PublishesOneAtATime,
    /// Never answers a batch that comes while another is in flight.
    ForgetsConcurrentBatches,
    /// Confirms every second batch early and delivers it after the next.
    SwapsBatches,
    /// Loses an attribute.
    DropsTracestate,
    /// Keeps whole seconds only.
    CutsSeconds,
    /// Keeps the first 64 KiB of the data.
    CutsData,
    /// Confirms without waiting for an acknowledgement, and keeps nothing.
    ConfirmsBeforeAck,
    /// Confirms and forgets what no one is there to receive.
    ForgetsTheAbsent,
    /// Goes on confirming after it was closed.
    ConfirmsWhenClosed,
    /// Binds every subscription to every type.
    IgnoresTypes,
    /// Has one queue for all durable subscriptions.
    SharesAcrossSubscriptions,
    /// Gives each consumer of a durable subscription a queue of its own.
    CopiesToEveryConsumer,
    /// Treats a broadcast subscription as a durable one.
    SharesBroadcast,
    /// Delivers once per declaration.
    DeclaresAnew,
    /// Checks no setting.
    TakesAnySetting,
    /// Hands out without a bound.
    IgnoresPrefetch,
    /// Hands out what is there, however little was asked for.
    IgnoresMax,
    /// Takes a batch, then awaits something, then returns it.
    LosesOnCancel,
    /// Streams wait for ever when the transport is closed.
    NeverEnds,
    /// Flags every delivery as a repeat.
    FlagsEverything,
    /// Flags no delivery as a repeat.
    FlagsNothing,
    /// Acknowledges by itself what it hands out.
    AcksOnReceive,
    /// Takes a requeue for an acknowledgement.
    RequeueAcks,
    /// Delivers to the next consumer what was acknowledged.
    ForgetsAcks,
    /// Takes an acknowledgement for one of everything unsettled.
    AckSettlesAll,
    /// Counts what was acknowledged as unsettled for ever.
    AckMakesNoRoom,
    /// Has consumers compete although order was asked for.
    IgnoresOrder,
    /// Has one partition, however many were asked for.
    HasOnePartition,
    /// Has four partitions, however many were asked for, if any.
    HasItsOwnPartitions,
    /// Confirms and forgets what has no key.
    LosesKeyless,
    /// Turns each batch round.
    ReversesBatches,
    /// Requeues only after the next batch was handed out.
    RequeuesLate,
}

/// Makes transports with one fault.
pub(crate) struct Broken(Fault);

impl Broken {
    pub(crate) fn by(fault: Fault) -> Self {
        Self(fault)
    }
}

#[async_trait]
impl Harness for Broken {
    async fn candidate(&self) -> Result<Candidate, HarnessError> {
        let transport = Transport::with(self.0)?;
        let closing = transport.clone();
        let candidate = Candidate::of(transport, move || {
            closing.0.is_closed.store(true, Ordering::SeqCst);
            closing.0.inner.close();
            Box::pin(async {})
        });
        Ok(candidate.with_patience(Duration::from_secs(10)))
    }
}

#[derive(Clone)]
struct Transport(Arc<State>);

struct State {
    inner: InProcess,
    fault: Fault,
    is_closed: AtomicBool,
    declarations: AtomicUsize,
    streams: AtomicUsize,
    turn: tokio::sync::Mutex<()>,
    published: Mutex<HashSet<MessageId>>,
    held_back: Mutex<Vec<Envelope>>,
    acked: Mutex<Vec<Envelope>>,
    requeued: Mutex<Vec<Settlement>>,
}

impl Transport {
    fn with(fault: Fault) -> Result<Self, HarnessError> {
        let inner = InProcess::with_config(InProcessConfig {
            publish_timeout: Duration::from_secs(2),
            ..InProcessConfig::default()
        })?;
        Ok(Self(Arc::new(State {
            inner,
            fault,
            is_closed: AtomicBool::new(false),
            declarations: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
            turn: tokio::sync::Mutex::new(()),
            published: Mutex::default(),
            held_back: Mutex::default(),
            acked: Mutex::default(),
            requeued: Mutex::default(),
        })))
    }
}
