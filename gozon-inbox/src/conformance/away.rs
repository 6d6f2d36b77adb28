//! What a consumer does while its database is away.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use gozon_core::{Envelope, MessageId};
use gozon_sqlx::DbError;

use super::bench::{Bench, eventually};
use super::handlers::{Scripted, envelope};
use super::probe::Probe;
use super::subject::Subject;
use crate::store::{Marks, State};

/// Marks of a database that does not answer the next so many calls.
pub struct Away<Tx> {
    calls: AtomicU32,
    refused: AtomicU32,
    error: fn() -> sqlx::Error,
    marks: Arc<dyn Marks<Tx>>,
}

impl<Tx> Away<Tx> {
    /// `marks`, there until [`Away::go`] is called; then it fails with what
    /// `error` gives.
    pub fn around(marks: Arc<dyn Marks<Tx>>, error: fn() -> sqlx::Error) -> Arc<Self> {
        Arc::new(Self {
            calls: AtomicU32::new(0),
            refused: AtomicU32::new(0),
            error,
            marks,
        })
    }

    /// The next `calls` are not answered.
    pub fn go(&self, calls: u32) {
        self.calls.store(calls, Ordering::SeqCst);
    }

    /// How many calls were not answered.
    pub fn refused(&self) -> u32 {
        self.refused.load(Ordering::SeqCst)
    }

    fn answer(&self) -> Result<(), DbError> {
        let left = |calls: u32| calls.checked_sub(1);
        let calls = &self.calls;
        if calls
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
            .is_err()
        {
            return Ok(());
        }
        self.refused.fetch_add(1, Ordering::SeqCst);
        Err((self.error)().into())
    }
}

impl<Tx> fmt::Debug for Away<Tx> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Away")
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl<Tx: Send> Marks<Tx> for Away<Tx> {
    async fn insert_done(
        &self,
        tx: &mut Tx,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashSet<MessageId>, DbError> {
        self.answer()?;
        self.marks.insert_done(tx, consumer, ids).await
    }

    async fn states(
        &self,
        tx: &mut Tx,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashMap<MessageId, State>, DbError> {
        self.marks.states(tx, consumer, ids).await
    }

    async fn finish_tried(
        &self,
        tx: &mut Tx,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashSet<MessageId>, DbError> {
        self.answer()?;
        self.marks.finish_tried(tx, consumer, ids).await
    }

    async fn finish(
        &self,
        tx: &mut Tx,
        consumer: &str,
        id: MessageId,
        attempts: u32,
    ) -> Result<bool, DbError> {
        self.answer()?;
        self.marks.finish(tx, consumer, id, attempts).await
    }
}

pub async fn messages_are_held_while_the_database_is_away<D: Probe>(mut subject: Subject<D>) {
    let away = Away::around(Arc::clone(&subject.adapters.marks), || {
        sqlx::Error::PoolTimedOut
    });
    subject.adapters.marks = Arc::clone(&away) as _;
    let bench = Bench::new(subject).await;
    let messages: Vec<Envelope> = (0..6).map(|_| envelope("probe")).collect();
    let running = bench.start(Arc::new(Scripted::<D>::default()));

    away.go(u32::MAX);
    running.feed.deliver(&messages[..3]).await;
    running.feed.redeliver(&messages[3..]).await;
    eventually(async || away.refused() >= 7).await;
    let (acked, requeued) = (running.feed.acked(), running.feed.requeued());
    away.go(0);
    running.acked(6).await;

    assert_eq!((acked, requeued), (vec![], vec![]), "held, not given back");
    assert!(
        bench
            .has_effects(&messages.iter().collect::<Vec<_>>())
            .await
    );
    for message in &messages {
        let mark = bench.mark(message).await.unwrap();
        assert_eq!((mark.state, mark.attempts), (State::Done, 0));
    }
    running.stop().await;
}
