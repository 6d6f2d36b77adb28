//! What the relay needs of a database: the contract that every adapter keeps
//! and the conformance suite checks.

use std::time::Duration;

use async_trait::async_trait;
use gozon_sqlx::DbError;
use uuid::Uuid;

/// A running relay. New for every run, so that a restarted process never takes
/// itself for its predecessor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MemberId(pub Uuid);

impl MemberId {
    /// A new id.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

/// The right to relay one partition, as long as nobody took it with a higher epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The partition, from 0.
    pub partition: i32,
    /// Grows with every change of owner.
    pub epoch: i64,
}

/// The leases of one member, as it knows them.
#[derive(Debug, Clone)]
pub struct Leases {
    /// Whose they are.
    pub member: MemberId,
    /// Each with the epoch under which it was acquired.
    pub held: Vec<Lease>,
}

/// Where a message of the outbox stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowState {
    /// To be published in its turn.
    Ready,
    /// Failed, or behind one of its key that did.
    Held,
    /// Not due yet.
    Delayed,
    /// Refused by the broker for its own sake; holds its key.
    Dead,
}

impl RowState {
    /// As it is written in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Held => "held",
            Self::Delayed => "delayed",
            Self::Dead => "dead",
        }
    }

    /// Reads what is written in the table.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Ready, Self::Held, Self::Delayed, Self::Dead]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// One message as the outbox holds it.
#[derive(Debug, Clone)]
pub struct Row {
    /// Per key, in the order of commits. Never used twice.
    pub seq: i64,
    /// The stable hash of the key, or any.
    pub partition: i32,
    /// Where it stands.
    pub state: RowState,
    /// The ordering key.
    pub key: Option<String>,
    /// The event type.
    pub kind: String,
    /// How often publishing it failed.
    pub attempts: u32,
    /// [`gozon_core::Envelope::attributes_json`].
    pub attributes: String,
    /// The payload.
    pub data: Vec<u8>,
}

/// The first held or dead message of a key, or one without a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its number.
    pub seq: i64,
    /// Its partition.
    pub partition: i32,
    /// Its key.
    pub key: Option<String>,
    /// Its event type.
    pub kind: String,
    /// Refused for its own sake.
    pub dead: bool,
    /// How often publishing it failed.
    pub attempts: u32,
    /// How long until it is to be published again; zero for at once.
    pub retry_in: Duration,
}

/// From where the held messages of a partition are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFrom {
    /// The partition.
    pub partition: i32,
    /// The last of the page before: its key, and its number.
    pub after: Option<(Option<String>, i64)>,
}

/// Who lives, as one member sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// Members that live, the asking one included.
    pub live: u32,
    /// How many of them have a smaller id. The first in this order take what an
    /// even share leaves over.
    pub rank: u32,
}

/// What was decided about dead letters since the last question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided {
    /// The highest number of a decision that was seen.
    pub number: i64,
    /// The messages: number and ordering key.
    pub messages: Vec<(i64, Option<String>)>,
}

/// How much of one event type waits in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindStats {
    /// The event type, by which messages find their destination.
    pub kind: String,
    /// Messages that were not delivered yet, without the dead ones.
    pub pending: u64,
    /// The age of the oldest message that could have been delivered.
    pub oldest_pending: Option<Duration>,
}

/// What one read wants.
#[derive(Debug, Clone)]
pub struct Read {
    /// The partitions to read, checked against the lease table in the same snapshot.
    pub leases: Leases,
    /// Keys to leave out: with enough messages in memory, or held without the
    /// table showing it.
    pub skip_keys: Vec<String>,
    /// Messages to leave out: in memory, in flight, or confirmed and not deleted yet.
    pub skip_seqs: Vec<i64>,
    /// Messages of one partition at most.
    pub per_partition: u32,
    /// Messages of one key at most.
    pub per_key: u32,
    /// Messages at most.
    pub limit: u32,
    /// Bytes of payload at most, above zero; the first message comes whatever its size.
    pub bytes: u64,
}

/// What is to be written about a message that could not be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its number.
    pub seq: i64,
    /// Refused for its own sake: dead, not to be repeated.
    pub dead: bool,
    /// It was published, so the attempt counts; otherwise it is only put aside.
    pub attempted: bool,
    /// What the broker said.
    pub reason: String,
    /// How long until it is to be published again.
    pub retry_in: Duration,
}

/// How much waits in the outbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxStats {
    /// Messages that were not delivered yet, without the dead ones.
    pub pending: u64,
    /// Those of them that failed, or wait behind one that did.
    pub held: u64,
    /// Messages that the broker refused for their own sake.
    pub dead: u64,
    /// The age of the oldest message that could have been delivered.
    pub oldest_pending: Option<Duration>,
}

/// What the relay needs of a database.
///
/// **Time.** Leases, heartbeats and retries are in the database's time.
/// **Order.** Per key, `seq` grows in the order of commits. **Epochs.** Every
/// read and every write but [`OutboxStore::delete`] and [`OutboxStore::archive`] works only on partitions
/// whose lease still has the epoch that the caller knows, and no take-over
/// overtakes a write that is under way, so that what was written about a
/// partition is seen by its next owner. **Concurrency.** Safe to call from many tasks.
/// **Cancellation.** A dropped call may or may not have happened; every call
/// may be repeated. **Errors.** Of class `Retry`: as after a dropped call; the
/// relay asks again, with growing pauses. Of any other class: no repeat would
/// help, and the relay ends with it.
#[async_trait]
pub trait OutboxStore: Send + Sync {
    /// How many partitions the outbox has.
    async fn partitions(&self) -> Result<u32, DbError>;

    /// Says that `member` lives for another `term`, forgets members whose time
    /// ended (with `alone`: all others) and returns who lives.
    async fn heartbeat(
        &self,
        member: MemberId,
        term: Duration,
        alone: bool,
    ) -> Result<Membership, DbError>;

    /// Extends all leases of `member` to `term` from now and returns them.
    async fn renew(&self, member: MemberId, term: Duration) -> Result<Vec<Lease>, DbError>;

    /// Takes up to `max` leases that nobody holds or that ended (with `alone`:
    /// any that is not its own), each with the next epoch.
    async fn acquire(
        &self,
        member: MemberId,
        term: Duration,
        max: u32,
        alone: bool,
    ) -> Result<Vec<Lease>, DbError>;

    /// How many leases nobody holds, or have ended. Cheap: asked every second.
    async fn free(&self) -> Result<u32, DbError>;

    /// Gives leases back, so that others may take them at once.
    async fn release(&self, leases: &Leases) -> Result<(), DbError>;

    /// Gives everything back and forgets the member.
    async fn leave(&self, member: MemberId) -> Result<(), DbError>;

    /// The first held or dead message of each key of these partitions, and each
    /// one without a key. Of each partition at most `limit`: the keys in an order
    /// of the store's choice, then those without a key by their numbers; fewer
    /// than `limit` say that there are no more. Called after a take-over.
    async fn kept(&self, from: &[KeptFrom], limit: u32) -> Result<Vec<Kept>, DbError>;

    /// Ready messages in order of `seq`, without what is to be left out and
    /// without those behind a held or dead one of their key. Locks nothing and
    /// writes nothing. Per key always from the lowest number.
    async fn read(&self, read: &Read) -> Result<Vec<Row>, DbError>;

    /// Those of these messages that still exist, whatever their state; dead ones
    /// without their payload.
    async fn fetch(&self, seqs: &[i64]) -> Result<Vec<Row>, DbError>;

    /// Deletes confirmed messages. Checks no epoch: confirmed is confirmed.
    async fn delete(&self, seqs: &[i64]) -> Result<(), DbError>;

    /// As [`OutboxStore::delete`], and keeps them in the archive, both or none.
    async fn archive(&self, seqs: &[i64]) -> Result<(), DbError>;

    /// Forgets up to `max` messages of the archive that were published more than
    /// `age` ago, the oldest first. Returns how many.
    async fn trim(&self, age: Duration, max: u32) -> Result<u64, DbError>;

    /// Up to `limit` decisions about dead letters after that number, in the order
    /// in which they were committed; with `None` only the number of the last.
    /// Cheap: asked every second.
    async fn decided(&self, after: Option<i64>, limit: u32) -> Result<Decided, DbError>;

    /// Holds or buries messages that could not be published, and counts the
    /// attempts. Returns the partitions whose lease still stands; what belongs
    /// to others is left alone.
    async fn hold(&self, leases: &Leases, failures: &[Failure]) -> Result<Vec<i32>, DbError>;

    /// Takes the ready messages of these held keys out of the ready set; if none
    /// is named, those behind any held or dead message.
    async fn sweep(&self, leases: &Leases, keys: &[String]) -> Result<(), DbError>;

    /// Makes the held messages of these keys ready again. Returns the
    /// partitions whose lease still stands.
    async fn unhold(&self, leases: &Leases, keys: &[String]) -> Result<Vec<i32>, DbError>;

    /// Makes up to `max` delayed messages ready that are due, with a number
    /// drawn now, under the lock of their key. Returns how many. A key that is in
    /// use delays neither the others nor those who append to them.
    async fn promote(&self, leases: &Leases, max: u32) -> Result<u64, DbError>;

    /// How much waits.
    async fn stats(&self) -> Result<OutboxStats, DbError>;

    /// How much waits of each event type. May read the whole outbox.
    async fn kinds(&self) -> Result<Vec<KindStats>, DbError>;
}
