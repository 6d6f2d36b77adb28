//! The store on SQLite with one fault at a time.

mod desk;
mod leasing;
mod reading;
mod writing;

use std::collections::HashMap;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gozon_outbox::conformance::Bench;
use gozon_outbox::store::{
    Decided, Failure, Kept, KeptFrom, KindStats, Lease, Leases, MemberId, Membership, OutboxStats,
    OutboxStore, Read, Row,
};
use gozon_sqlx::{Db, DbError, Sqlite};
use uuid::Uuid;

/// What is wrong with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing: the sound store, through the same wrapper.
    None,
    /// Takes leases that have not ended.
    TakesWhatOthersHold,
    /// Takes every free lease, however few were asked for.
    TakesMoreThanAsked,
    /// Waits for the term of an owner that is certainly gone.
    WaitsForTheGone,
    /// A new owner comes without a new epoch.
    KeepsTheEpoch,
    /// A renewed lease ends when it would have ended.
    RenewsNothing,
    /// Renewing answers with what was once acquired.
    RenewsTheLost,
    /// A released lease stays with its owner.
    ReleasesNothing,
    /// Who leaves keeps the leases.
    LeavesWithItsLeases,
    /// Who leaves is counted on.
    LeavesUnnoticed,
    /// Members are counted for ever.
    CountsTheDeadMembers,
    /// Members that are certainly gone are counted until their term ends.
    CountsTheGoneMembers,
    /// Every lease counts as free.
    CountsAllAsFree,
    /// A lease that ended does not count as free.
    CountsNoEndedLease,
    /// Checks neither owner nor epoch.
    ChecksNoLease(Call),
    /// Checks the owner alone: who lost a lease and took it again is the same.
    ChecksNoEpoch(Call),
    /// Changes nothing under a lost lease, and says that it did.
    ClaimsWhatIsLost(Call),
    /// Reads what it likes.
    IgnoresTheCap(Cap),
    /// A message above the bytes never comes.
    ReadsNothingLarge,
    /// A cap leaves each key's highest numbers.
    ReadsFromTheTop,
    /// Answers in another order.
    ReadsBackwards,
    /// A message behind a held one is as good as any.
    ReadsBehindTheHeld,
    /// Keys to be left out are read.
    IgnoresSkippedKeys,
    /// Messages to be left out are read.
    IgnoresSkippedNumbers,
    /// `NULL NOT IN (…)` is not true.
    SkipsTheKeyless,
    /// A cursor that only moves forward.
    OnlyMovesForward,
    /// Held and dead messages cannot be fetched.
    FetchesReadyOnly,
    /// Held keys are not found at a take-over.
    ForgetsHeldKeys,
    /// Every held message is shown, not the first of its key.
    KeepsEveryRow,
    /// All messages without a key are one key.
    KeepsOneKeyless,
    /// The next owner counts from the start.
    ForgetsAttempts,
    /// The next owner need not wait.
    ForgetsPauses,
    /// What was only put aside was attempted.
    CountsWhatWasPutAside,
    /// No attempt is counted.
    CountsNoAttempt,
    /// A refused message is held like any other.
    BuriesNothing,
    /// Holding one message without a key holds them all.
    HoldsAllKeyless,
    /// Held keys stay among the ready.
    SweepsNothing,
    /// Only what is named leaves the ready set.
    SweepsTheNamedAlone,
    /// Every key leaves the ready set.
    SweepsEverything,
    /// A held key stays held.
    UnholdsNothing,
    /// Every held key flows again.
    UnholdsEverything,
    /// A dead letter flows with its key.
    RevivesTheDead,
    /// Confirmed messages stay.
    DeletesNothing,
    /// What was confirmed is deleted by its owner alone.
    DeletesUnderTheEpochAlone,
    /// A delayed message keeps the number of its append.
    PromotesInPlace,
    /// A delayed message is ready whenever it is looked for.
    PromotesEarly,
    /// Dead letters are pending.
    CountsTheDead,
    /// Delayed messages are not pending.
    CountsNoDelayed,
    /// Held messages are not counted apart.
    CountsNoHeld,
    /// What waits has no age.
    CountsNoAge,
    /// Dead letters wait like any other message of their type.
    CountsTheDeadByType,
    /// Every member takes what an even share leaves over.
    RanksEverybodyFirst,
    /// A page of held keys lacks one.
    SkipsBetweenPages,
    /// A dead letter is fetched with its payload.
    CarriesTheDead,
    /// Who asks what was decided is told a number that is not reached yet.
    SkipsDecisions,
    /// What is to be archived is deleted.
    ArchivesNothing,
    /// A repeat writes the archive again.
    ArchivesAgain,
    /// What is deleted is archived.
    ArchivesWhatIsDeleted,
    /// The archive is trimmed in one bite.
    TrimsWithoutLimit,
    /// What is young is trimmed too.
    TrimsTheYoung,
    /// Every page of dead letters is the first.
    ListsFromTheStart,
    /// A dead letter is listed without what the broker said.
    ListsWithoutReason,
    /// A replayed dead letter is ready, as if it had never failed.
    ReplaysAsReady,
    /// A replayed dead letter waits as long as it did.
    ReplaysNothing,
    /// A discarded message is gone.
    DiscardsForGood,
    /// What is not dead is decided about.
    DecidesAboutAnything,
    /// Who decided is not kept.
    ForgetsWhoDecided,
    /// Decisions are listed from the first.
    ListsDecisionsForwards,
    /// The archive of a key is read from its end.
    ReadsTheArchiveBackwards,
}

/// A call that checks leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Read,
    Hold,
    Sweep,
    Unhold,
    Promote,
    Release,
}

/// A limit of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cap {
    PerPartition,
    PerKey,
    Limit,
    Bytes,
}

/// Wraps the store of `bench`.
pub(crate) fn broken(bench: Bench<Sqlite>, fault: Fault) -> Bench<Sqlite> {
    let store = Broken {
        inner: Arc::clone(&bench.store),
        db: bench.db.clone(),
        fault,
        highest: AtomicI64::new(0),
        acquired: Mutex::default(),
        read_under: Mutex::default(),
    };
    Bench {
        store: Arc::new(store),
        desk: desk::broken(Arc::clone(&bench.desk), bench.db.clone(), fault),
        ..bench
    }
}

struct Broken {
    inner: Arc<dyn OutboxStore>,
    db: Db<Sqlite>,
    fault: Fault,
    highest: AtomicI64,
    acquired: Mutex<HashMap<MemberId, Vec<Lease>>>,
    /// Under which lease each message was first read.
    read_under: Mutex<HashMap<i64, Lease>>,
}

impl Broken {
    async fn sql(&self, sql: &'static str) -> Result<(), DbError> {
        sqlx::query(sql).execute(self.db.writer()).await?;
        Ok(())
    }

    async fn numbers(&self, sql: &'static str) -> Result<Vec<i64>, DbError> {
        Ok(sqlx::query_scalar(sql).fetch_all(self.db.reader()).await?)
    }

    /// What the store is told instead of `leases`, so that its check passes.
    async fn forged(&self, call: Call, leases: &Leases) -> Result<Leases, DbError> {
        let owner_too = match self.fault {
            Fault::ChecksNoLease(faulty) if faulty == call => true,
            Fault::ChecksNoEpoch(faulty) if faulty == call => false,
            _ => return Ok(leases.clone()),
        };
        let mut forged = leases.clone();
        for lease in &mut forged.held {
            let (owner, epoch): (Option<Uuid>, i64) =
                sqlx::query_as("SELECT owner, epoch FROM gozon_outbox_leases WHERE partition = ?1")
                    .bind(lease.partition)
                    .fetch_one(self.db.reader())
                    .await?;
            lease.epoch = epoch;
            if let Some(owner) = owner.filter(|_| owner_too) {
                forged.member = MemberId(owner);
            }
        }
        Ok(forged)
    }

    fn claimed(&self, call: Call, leases: &Leases, standing: Vec<i32>) -> Vec<i32> {
        match self.fault == Fault::ClaimsWhatIsLost(call) {
            true => leases.held.iter().map(|lease| lease.partition).collect(),
            false => standing,
        }
    }
}

#[async_trait]
impl OutboxStore for Broken {
    async fn partitions(&self) -> Result<u32, DbError> {
        self.inner.partitions().await
    }

    async fn heartbeat(
        &self,
        member: MemberId,
        term: Duration,
        alone: bool,
    ) -> Result<Membership, DbError> {
        self.broken_heartbeat(member, term, alone).await
    }

    async fn renew(&self, member: MemberId, term: Duration) -> Result<Vec<Lease>, DbError> {
        self.broken_renew(member, term).await
    }

    async fn acquire(
        &self,
        member: MemberId,
        term: Duration,
        max: u32,
        alone: bool,
    ) -> Result<Vec<Lease>, DbError> {
        self.broken_acquire(member, term, max, alone).await
    }

    async fn free(&self) -> Result<u32, DbError> {
        self.broken_free().await
    }

    async fn release(&self, leases: &Leases) -> Result<(), DbError> {
        if self.fault == Fault::ReleasesNothing {
            return Ok(());
        }
        let leases = self.forged(Call::Release, leases).await?;
        self.inner.release(&leases).await
    }

    async fn leave(&self, member: MemberId) -> Result<(), DbError> {
        self.broken_leave(member).await
    }

    async fn kept(&self, from: &[KeptFrom], limit: u32) -> Result<Vec<Kept>, DbError> {
        let mut kept = self.inner.kept(from, limit).await?;
        if self.fault == Fault::SkipsBetweenPages && from.iter().any(|from| from.after.is_some()) {
            kept.pop();
        }
        self.broken_kept(kept).await
    }

    async fn read(&self, read: &Read) -> Result<Vec<Row>, DbError> {
        let mut read = read.clone();
        read.leases = self.forged(Call::Read, &read.leases).await?;
        self.broken_read(read).await
    }

    async fn fetch(&self, seqs: &[i64]) -> Result<Vec<Row>, DbError> {
        let mut rows = self.inner.fetch(seqs).await?;
        if self.fault == Fault::CarriesTheDead {
            rows.iter_mut().for_each(|row| row.data = b"dead".to_vec());
        }
        Ok(self.broken_fetch(rows))
    }

    async fn delete(&self, seqs: &[i64]) -> Result<(), DbError> {
        match self.fault {
            Fault::ArchivesWhatIsDeleted => self.inner.archive(seqs).await,
            _ => self.broken_delete(seqs).await,
        }
    }

    async fn archive(&self, seqs: &[i64]) -> Result<(), DbError> {
        match self.fault {
            Fault::ArchivesNothing => return self.inner.delete(seqs).await,
            Fault::ArchivesAgain => {
                self.sql("UPDATE gozon_outbox_archive SET published_at = published_at + 1000")
                    .await?;
            }
            _ => {}
        }
        self.inner.archive(seqs).await
    }

    async fn trim(&self, age: Duration, max: u32) -> Result<u64, DbError> {
        match self.fault {
            Fault::TrimsWithoutLimit => self.inner.trim(age, u32::MAX).await,
            Fault::TrimsTheYoung => self.inner.trim(Duration::ZERO, max).await,
            _ => self.inner.trim(age, max).await,
        }
    }

    async fn decided(&self, after: Option<i64>, limit: u32) -> Result<Decided, DbError> {
        let mut decided = self.inner.decided(after, limit).await?;
        if self.fault == Fault::SkipsDecisions {
            decided.number = self.inner.decided(None, limit).await?.number;
        }
        Ok(decided)
    }

    async fn kinds(&self) -> Result<Vec<KindStats>, DbError> {
        let mut kinds = self.inner.kinds().await?;
        if self.fault == Fault::CountsTheDeadByType {
            let sql = "SELECT kind FROM gozon_outbox WHERE state = 'dead'";
            let dead: Vec<String> = sqlx::query_scalar(sql).fetch_all(self.db.reader()).await?;
            kinds.extend(dead.into_iter().map(|kind| KindStats {
                kind,
                pending: 1,
                oldest_pending: None,
            }));
        }
        Ok(kinds)
    }

    async fn hold(&self, leases: &Leases, failures: &[Failure]) -> Result<Vec<i32>, DbError> {
        let forged = self.forged(Call::Hold, leases).await?;
        let standing = self.broken_hold(&forged, failures).await?;
        Ok(self.claimed(Call::Hold, leases, standing))
    }

    async fn sweep(&self, leases: &Leases, keys: &[String]) -> Result<(), DbError> {
        let leases = self.forged(Call::Sweep, leases).await?;
        self.broken_sweep(&leases, keys).await
    }

    async fn unhold(&self, leases: &Leases, keys: &[String]) -> Result<Vec<i32>, DbError> {
        let forged = self.forged(Call::Unhold, leases).await?;
        let standing = self.broken_unhold(&forged, keys).await?;
        Ok(self.claimed(Call::Unhold, leases, standing))
    }

    async fn promote(&self, leases: &Leases, max: u32) -> Result<u64, DbError> {
        let leases = self.forged(Call::Promote, leases).await?;
        self.broken_promote(&leases, max).await
    }

    async fn stats(&self) -> Result<OutboxStats, DbError> {
        let stats = self.inner.stats().await?;
        self.broken_stats(stats).await
    }
}
