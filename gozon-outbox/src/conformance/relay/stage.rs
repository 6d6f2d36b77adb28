//! Where relays are tried: an outbox, a broker, and time that obeys.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gozon_core::NewMessage;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::broker::{Broker, Connection};
use super::link::{Link, Weather};
use super::log::{Arrival, Log};
use super::memory::Memory;
use super::{Relays, Work};
use crate::OutboxConfig;
use crate::conformance::message;
use crate::store::{Row, RowState};

/// Few, so that keys meet in one and every relay has some.
const PARTITIONS: u32 = 8;
/// How long something may take to happen; longer than every pause.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where relays are tried. Cheap to clone.
#[derive(Clone)]
pub struct Stage {
    relays: Arc<dyn Relays>,
    memory: Arc<Memory>,
    log: Arc<Log>,
    broker: Arc<Broker>,
    tasks: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Stage {
    /// An empty outbox, and no relay yet.
    pub fn new(relays: Arc<dyn Relays>) -> Self {
        let memory = Arc::new(Memory::new(PARTITIONS));
        let log = Arc::new(Log::new(Arc::clone(&memory)));
        Self {
            relays,
            broker: Arc::new(Broker::new(Arc::clone(&log))),
            memory,
            log,
            tasks: Arc::default(),
        }
    }

    /// The broker of this stage.
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Starts a relay with the default settings.
    pub fn start(&self) -> Actor {
        self.start_with(OutboxConfig::default())
    }

    /// Starts a relay.
    pub fn start_with(&self, config: OutboxConfig) -> Actor {
        let relay = self.tasks.lock().unwrap().len();
        let link = Arc::new(Link::new(
            relay,
            Arc::clone(&self.memory),
            Arc::clone(&self.log),
        ));
        let publisher = Arc::new(Connection {
            relay,
            broker: Arc::clone(&self.broker),
        });
        let shutdown = CancellationToken::new();
        let work = self
            .relays
            .relay(link.clone(), publisher, config, shutdown.clone());
        let frozen = watch::channel(false).0;
        let task = tokio::spawn(freezing(work, frozen.subscribe()));
        self.tasks.lock().unwrap().push(task.abort_handle());
        Actor {
            relay,
            task,
            shutdown,
            frozen,
            link,
            log: Arc::clone(&self.log),
        }
    }

    /// Appends `key:text` messages, or `:text` without a key, and commits.
    pub fn say(&self, said: &[&str]) {
        for said in said {
            self.append(&spoken(said));
        }
    }

    /// Appends and commits a message.
    pub fn append(&self, message: &NewMessage) -> i64 {
        let seq = self.draw();
        self.commit(seq, message);
        seq
    }

    /// Draws the number of a message that is committed later.
    pub fn draw(&self) -> i64 {
        self.memory.draw()
    }

    /// Commits a message under the number that was drawn for it.
    pub fn commit(&self, seq: i64, message: &NewMessage) {
        self.memory.commit(seq, message);
    }

    /// Makes a row unreadable.
    pub fn garble(&self, seq: i64) {
        self.memory.garble(seq);
    }

    /// Everything that the broker saw, repeats included, in order.
    pub fn seen(&self) -> Vec<Arrival> {
        self.log.arrivals()
    }

    /// What it saw says.
    pub fn texts(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.text).collect()
    }

    /// How often it saw this text.
    pub fn times(&self, text: &str) -> usize {
        self.seen().iter().filter(|seen| seen.text == text).count()
    }

    /// What it saw of one key, without repeats.
    pub fn first_seen(&self, key: &str) -> Vec<String> {
        let mut known = HashSet::new();
        let mut seen = self.seen();
        seen.retain(|seen| seen.key.as_deref() == Some(key) && known.insert(seen.text.clone()));
        seen.into_iter().map(|seen| seen.text).collect()
    }

    /// What is in the outbox.
    pub fn rows(&self) -> Vec<Row> {
        self.memory.rows()
    }

    /// What the rows in one state say.
    pub fn texts_in(&self, state: RowState) -> Vec<String> {
        let mut rows = self.rows();
        rows.retain(|row| row.state == state);
        crate::conformance::texts(&rows)
    }

    /// Leases that nobody holds, and members that still count.
    pub fn free_and_members(&self) -> (u32, usize) {
        (self.memory.free(), self.memory.members())
    }

    /// How many partitions each relay has, most first.
    pub fn shares(&self) -> Vec<usize> {
        let mut shares: Vec<usize> = self.memory.shares().into_values().collect();
        shares.sort_unstable_by(|one, other| other.cmp(one));
        shares
    }

    /// How many partitions there are.
    pub fn partitions(&self) -> usize {
        PARTITIONS as usize
    }

    /// Whether everything was delivered.
    pub fn is_empty(&self) -> bool {
        self.memory.is_empty()
    }

    /// Waits until the outbox is empty.
    pub async fn emptied(&self) {
        self.eventually("the outbox is empty", || self.memory.is_empty())
            .await;
    }

    /// Waits until the broker saw all of these.
    pub async fn sees(&self, texts: &[&str]) {
        let what = format!("the broker sees {texts:?}");
        self.eventually(&what, || {
            let seen = self.texts();
            texts
                .iter()
                .all(|text| seen.iter().any(|seen| seen == text))
        })
        .await;
    }

    /// Asks again and again until the answer is yes.
    pub async fn eventually(&self, what: &str, mut ask: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !ask() {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "never: {what}");
            pass(Duration::from_millis(10)).await;
        }
    }

    /// Ends every relay that a rule left at work.
    pub(super) async fn clear(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap());
        for task in tasks {
            task.abort();
        }
        tokio::task::yield_now().await;
    }

    /// What no relay may ever do and one did.
    pub fn violations(&self) -> Vec<String> {
        self.log.violations()
    }
}

/// Lets time pass.
pub async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// `key:text`, or `:text` without a key.
pub fn spoken(said: &str) -> NewMessage {
    match said.split_once(':') {
        Some(("", _)) | None => message(None, said),
        Some((key, _)) => message(Some(key), said),
    }
}

/// One relay at work.
pub struct Actor {
    relay: usize,
    task: JoinHandle<()>,
    shutdown: CancellationToken,
    frozen: watch::Sender<bool>,
    link: Arc<Link>,
    log: Arc<Log>,
}

impl Actor {
    /// The how-manieth relay of its stage it is, from 0.
    pub fn number(&self) -> usize {
        self.relay
    }

    /// From now on its database calls come to this.
    pub fn database(&self, weather: Weather) {
        self.link.set(weather);
    }

    /// How many of its database calls were refused.
    pub fn refused(&self) -> usize {
        self.link.refused()
    }

    /// It does nothing until it is thawed, as a process that was stopped.
    pub fn freeze(&self) {
        self.frozen.send_replace(true);
    }

    /// It goes on, and nobody tells it that time has passed.
    pub fn thaw(&self) {
        self.frozen.send_replace(false);
    }

    /// Tells it to stop, and does not wait.
    pub fn shut_down(&self) {
        self.shutdown.cancel();
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Stops it and waits until it has drained.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn stop(self) {
        self.shutdown.cancel();
        let ended = tokio::time::timeout(PATIENCE, self.task).await;
        ended.expect("the relay does not stop").unwrap();
    }

    /// As `kill -9` would, as far as anybody else can tell.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
        self.log.gone(self.relay);
    }
}

/// Polls `work` only while it is not frozen.
async fn freezing(mut work: Work, mut frozen: watch::Receiver<bool>) {
    loop {
        if frozen.wait_for(|frozen| !frozen).await.is_err() {
            return work.await;
        }
        let alone = async { frozen.wait_for(|frozen| *frozen).await.is_err() };
        tokio::select! {
            biased;
            alone = alone => if alone {
                return work.await;
            },
            () = &mut work => return,
        }
    }
}
