//! The way of one relay to its database, which can be cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use gozon_sqlx::DbError;
use tokio::sync::watch;

use super::log::Log;
use super::memory::{Memory, PARTITIONS};
use crate::store::{Failure, Kept, Lease, Leases, MemberId, OutboxStats, OutboxStore, Read, Row};

/// What a relay's database calls come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// They are answered.
    Fair,
    /// They are refused, with an error that a repeat may cure.
    Refused,
    /// They do not begin, and no answer comes until the weather changes.
    Silent,
}

pub(super) struct Link {
    relay: usize,
    memory: Arc<Memory>,
    log: Arc<Log>,
    weather: watch::Sender<Weather>,
    refused: AtomicUsize,
}

impl Link {
    pub(super) fn new(relay: usize, memory: Arc<Memory>, log: Arc<Log>) -> Self {
        Self {
            relay,
            memory,
            log,
            weather: watch::channel(Weather::Fair).0,
            refused: AtomicUsize::new(0),
        }
    }

    pub(super) fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }

    pub(super) fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    /// A call takes a moment, and begins when the weather allows.
    async fn call<T>(&self, work: impl FnOnce(&Memory) -> T) -> Result<T, DbError> {
        tokio::time::sleep(Duration::from_micros(500)).await;
        let mut weather = self.weather.subscribe();
        // The sender lives in `self`.
        let _ = weather.wait_for(|now| *now != Weather::Silent).await;
        if *weather.borrow() == Weather::Refused {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(sqlx::Error::PoolTimedOut.into());
        }
        Ok(work(&self.memory))
    }

    async fn call_as<T>(
        &self,
        member: MemberId,
        work: impl FnOnce(&Memory) -> T,
    ) -> Result<T, DbError> {
        self.log.calls_itself(self.relay, member);
        self.call(work).await
    }
}

#[async_trait]
impl OutboxStore for Link {
    async fn partitions(&self) -> Result<u32, DbError> {
        self.call(|_| PARTITIONS).await
    }

    async fn heartbeat(
        &self,
        member: MemberId,
        term: Duration,
        alone: bool,
    ) -> Result<u32, DbError> {
        self.call_as(member, |memory| memory.heartbeat(member, term, alone))
            .await
    }

    async fn renew(&self, member: MemberId, term: Duration) -> Result<Vec<Lease>, DbError> {
        self.call_as(member, |memory| memory.renew(member, term))
            .await
    }

    async fn acquire(
        &self,
        member: MemberId,
        term: Duration,
        max: u32,
        alone: bool,
    ) -> Result<Vec<Lease>, DbError> {
        self.call_as(member, |memory| memory.acquire(member, term, max, alone))
            .await
    }

    async fn free(&self) -> Result<u32, DbError> {
        self.call(Memory::free).await
    }

    async fn release(&self, leases: &Leases) -> Result<(), DbError> {
        self.call(|memory| memory.release(leases)).await
    }

    async fn leave(&self, member: MemberId) -> Result<(), DbError> {
        self.call(|memory| memory.leave(member)).await
    }

    async fn kept(&self, partitions: &[i32]) -> Result<Vec<Kept>, DbError> {
        self.call(|memory| memory.kept(partitions)).await
    }

    async fn read(&self, read: &Read) -> Result<Vec<Row>, DbError> {
        self.call(|memory| memory.read(read)).await
    }

    async fn fetch(&self, seqs: &[i64]) -> Result<Vec<Row>, DbError> {
        self.call(|memory| memory.fetch(seqs)).await
    }

    async fn delete(&self, seqs: &[i64]) -> Result<(), DbError> {
        self.call(|memory| {
            self.log.deletes(self.relay, seqs);
            memory.delete(seqs);
        })
        .await
    }

    async fn hold(&self, leases: &Leases, failures: &[Failure]) -> Result<Vec<i32>, DbError> {
        self.call(|memory| {
            self.log.holds(self.relay, failures);
            memory.hold(leases, failures)
        })
        .await
    }

    async fn sweep(&self, leases: &Leases, keys: &[String]) -> Result<(), DbError> {
        self.call(|memory| memory.sweep(leases, keys)).await
    }

    async fn unhold(&self, leases: &Leases, keys: &[String]) -> Result<Vec<i32>, DbError> {
        self.call(|memory| memory.unhold(leases, keys)).await
    }

    async fn promote(&self, leases: &Leases, max: u32) -> Result<u64, DbError> {
        self.call(|memory| memory.promote(leases, max)).await
    }

    async fn stats(&self) -> Result<OutboxStats, DbError> {
        self.call(Memory::stats).await
    }
}
