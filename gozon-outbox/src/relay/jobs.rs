//! What the relay has running: each job owns what it needs and reports back.

use std::sync::Arc;
use std::time::Duration;

use gozon_core::Outcome;
use gozon_sqlx::DbError;
use tokio::time::Instant;

use super::lanes::LaneId;
use super::territory::share;
use crate::config::OutboxConfig;
use crate::metrics;
use crate::store::{
    Decided, Failure, Kept, KeptFrom, KindStats, Lease, Leases, MemberId, OutboxStats, OutboxStore,
    Row,
};

/// What a job reports.
pub(super) enum Done {
    Ticked(Result<Tick, DbError>),
    Looked(Result<Look, DbError>),
    Read(Asked, Result<Vec<Row>, DbError>),
    Published(Vec<Outcome>),
    Deleted(Vec<(LaneId, i64)>, Result<(), DbError>),
    Held(Vec<Held>, Leases, Result<Vec<i32>, DbError>),
    Unheld(Vec<Arc<str>>, Result<Vec<i32>, DbError>),
    Loaded(Vec<KeptFrom>, Result<Vec<Kept>, DbError>),
    /// The page size beside it.
    Recalled(Vec<KeptFrom>, u32, Result<Vec<Kept>, DbError>),
    Swept(Swept, Result<(), DbError>),
    Fetched(Vec<(LaneId, i64)>, Result<Vec<Row>, DbError>),
    Released(Leases, Result<(), DbError>),
    Promoted(Result<u64, DbError>),
    Counted(Result<OutboxStats, DbError>),
    CountedKinds(Result<Vec<KindStats>, DbError>),
    Trimmed(Result<u64, DbError>),
}

/// Whose rows were to leave the ready set.
pub(super) enum Swept {
    Keys(Vec<String>),
    /// All behind what is held in these partitions.
    Behind(Vec<i32>),
}

/// What others did since the last glance.
#[derive(Debug)]
pub(super) struct Look {
    /// How many leases nobody holds.
    pub(super) free: u32,
    pub(super) decided: Decided,
}

/// What a read was told.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) limit: u32,
    pub(super) per_partition: u32,
    pub(super) leases: Leases,
}

/// A failure on its way into the table.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) lane: LaneId,
    pub(super) failure: Failure,
    /// By the monotonic clock.
    pub(super) due: Instant,
}

/// The membership as it is now.
#[derive(Debug)]
pub(super) struct Tick {
    /// Taken before the first statement, so that our clock ends every term
    /// before the database does.
    pub(super) asked: Instant,
    pub(super) leases: Vec<Lease>,
    /// How many this relay should have.
    pub(super) target: u32,
}

/// Says that we live, renews our leases and takes up to our share of free ones.
pub(super) async fn tick(
    store: &dyn OutboxStore,
    member: MemberId,
    partitions: Option<u32>,
    term: Duration,
    alone: bool,
) -> Result<(u32, Tick), DbError> {
    let partitions = match partitions {
        Some(partitions) => partitions,
        None => store.partitions().await?,
    };
    let asked = Instant::now();
    let members = store.heartbeat(member, term, alone).await?;
    let mut leases = store.renew(member, term).await?;
    let target = share(partitions, members);
    let missing = target.saturating_sub(u32::try_from(leases.len()).unwrap_or(u32::MAX));
    if missing > 0 {
        leases.extend(store.acquire(member, term, missing, alone).await?);
    }
    Ok((
        partitions,
        Tick {
            asked,
            leases,
            target,
        },
    ))
}

/// Confirmed messages leave the outbox, for the archive if there is one.
pub(super) async fn finish(
    store: &dyn OutboxStore,
    config: &OutboxConfig,
    seqs: &[i64],
) -> Result<(), DbError> {
    if !config.archive {
        return store.delete(seqs).await;
    }
    store.archive(seqs).await?;
    metrics::archived(seqs.len());
    Ok(())
}

/// No answer from the database in time is an outage like any other.
pub(super) async fn bounded<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, DbError>>,
) -> Result<T, DbError> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(sqlx::Error::PoolTimedOut.into()),
    }
}
