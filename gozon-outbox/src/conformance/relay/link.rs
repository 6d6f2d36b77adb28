//! The way of one relay to its database, which can be cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use gozon_sqlx::DbError;
use tokio::sync::watch;

use super::log::Log;
use super::memory::Memory;
use crate::store::{
    Decided, Failure, Kept, KeptFrom, KindStats, Lease, Leases, MemberId, Membership, OutboxStats,
    OutboxStore, Read, Row,
};

/// What a relay's database calls come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// They are answered.
    Fair,
    /// They are refused, with an error that a repeat may cure.
    Refused,
    /// No answer comes until the weather changes; then they are carried out, also
    /// those that the relay has given up.
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

    /// A call takes a moment, and begins when the weather allows, also if the
    /// caller has given up by then: the server does not know.
    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Memory) -> T + Send + 'static,
    ) -> Result<T, DbError> {
        tokio::time::sleep(Duration::from_micros(500)).await;
        let mut weather = self.weather.subscribe();
        let now = *weather.borrow_and_update();
        match now {
            Weather::Fair => Ok(work(&self.memory)),
            Weather::Refused => {
                self.refused.fetch_add(1, Ordering::SeqCst);
                Err(sqlx::Error::PoolTimedOut.into())
            }
            Weather::Silent => {
                let memory = Arc::clone(&self.memory);
                let late = tokio::spawn(async move {
                    weather.wait_for(|now| *now != Weather::Silent).await?;
                    Ok::<T, watch::error::RecvError>(work(&memory))
                });
                match late.await {
                    Ok(Ok(answer)) => Ok(answer),
                    Ok(Err(_)) | Err(_) => Err(sqlx::Error::PoolTimedOut.into()),
                }
            }
        }
    }

    async fn call_as<T: Send + 'static>(
        &self,
        member: MemberId,
        work: impl FnOnce(&Memory) -> T + Send + 'static,
    ) -> Result<T, DbError> {
        self.log.calls_itself(self.relay, member);
        self.call(work).await
    }
}

#[async_trait]
impl OutboxStore for Link {
    async fn partitions(&self) -> Result<u32, DbError> {
        self.call(Memory::partitions).await
    }

    async fn heartbeat(
        &self,
        member: MemberId,
        term: Duration,
        alone: bool,
    ) -> Result<Membership, DbError> {
        self.call_as(member, move |memory| memory.heartbeat(member, term, alone))
            .await
    }

    async fn renew(&self, member: MemberId, term: Duration) -> Result<Vec<Lease>, DbError> {
        self.call_as(member, move |memory| memory.renew(member, term))
            .await
    }

    async fn acquire(
        &self,
        member: MemberId,
        term: Duration,
        max: u32,
        alone: bool,
    ) -> Result<Vec<Lease>, DbError> {
        self.call_as(member, move |memory| {
            memory.acquire(member, term, max, alone)
        })
        .await
    }

    async fn free(&self) -> Result<u32, DbError> {
        self.call(Memory::free).await
    }

    async fn release(&self, leases: &Leases) -> Result<(), DbError> {
        let leases = leases.clone();
        self.call(move |memory| memory.release(&leases)).await
    }

    async fn leave(&self, member: MemberId) -> Result<(), DbError> {
        self.call(move |memory| memory.leave(member)).await
    }

    async fn kept(&self, from: &[KeptFrom], limit: u32) -> Result<Vec<Kept>, DbError> {
        let from = from.to_vec();
        self.call(move |memory| memory.kept(&from, limit)).await
    }

    async fn read(&self, read: &Read) -> Result<Vec<Row>, DbError> {
        let read = read.clone();
        self.call(move |memory| memory.read(&read)).await
    }

    async fn fetch(&self, seqs: &[i64]) -> Result<Vec<Row>, DbError> {
        let seqs = seqs.to_vec();
        self.call(move |memory| memory.fetch(&seqs)).await
    }

    async fn delete(&self, seqs: &[i64]) -> Result<(), DbError> {
        let (log, relay, seqs) = (Arc::clone(&self.log), self.relay, seqs.to_vec());
        self.call(move |memory| {
            log.deletes(relay, &seqs);
            memory.delete(&seqs);
        })
        .await
    }

    /// What was published leaves; nobody reads the archive of this outbox.
    async fn archive(&self, seqs: &[i64]) -> Result<(), DbError> {
        self.delete(seqs).await
    }

    async fn trim(&self, _age: Duration, _max: u32) -> Result<u64, DbError> {
        self.call(|_| 0).await
    }

    /// Nobody decides here.
    async fn decided(&self, _after: Option<i64>, _limit: u32) -> Result<Decided, DbError> {
        self.call(|_| Decided::default()).await
    }

    async fn hold(&self, leases: &Leases, failures: &[Failure]) -> Result<Vec<i32>, DbError> {
        let (log, relay) = (Arc::clone(&self.log), self.relay);
        let (leases, failures) = (leases.clone(), failures.to_vec());
        self.call(move |memory| {
            log.holds(relay, &failures);
            memory.hold(&leases, &failures)
        })
        .await
    }

    async fn sweep(&self, leases: &Leases, keys: &[String]) -> Result<(), DbError> {
        let (leases, keys) = (leases.clone(), keys.to_vec());
        self.call(move |memory| memory.sweep(&leases, &keys)).await
    }

    async fn unhold(&self, leases: &Leases, keys: &[String]) -> Result<Vec<i32>, DbError> {
        let (leases, keys) = (leases.clone(), keys.to_vec());
        self.call(move |memory| memory.unhold(&leases, &keys)).await
    }

    async fn promote(&self, leases: &Leases, max: u32) -> Result<u64, DbError> {
        let leases = leases.clone();
        self.call(move |memory| memory.promote(&leases, max)).await
    }

    async fn stats(&self) -> Result<OutboxStats, DbError> {
        self.call(Memory::stats).await
    }

    async fn kinds(&self) -> Result<Vec<KindStats>, DbError> {
        self.call(Memory::kinds).await
    }
}
