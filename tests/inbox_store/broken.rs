//! Stores that are broken as only PostgreSQL can show; the others are in
//! gozon-inbox, `tests/inbox_suite`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gozon_core::MessageId;
use gozon_inbox::conformance::{Subject, check};
use gozon_inbox::store::{Claim, Marks, RequestStore, State};
use gozon_inbox::{RequestKey, StoredAnswer};
use gozon_sqlx::{DbError, Postgres};
use sqlx::PgConnection;
use tokio::sync::Barrier;
use tokio::time::timeout;
use uuid::Uuid;

use super::{database, lock_timeout, retention};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Nothing: what catches this one catches the wrapper.
    None,
    /// Writes marks in the order in which their messages came.
    UnsortedMarks,
    /// Looks whether a mark is there, and then writes it.
    ChecksThenActs,
    /// Waits for the holder of a key without a bound.
    WaitsForEver,
    /// Leaves its own bound on the business's transaction.
    KeepsTheLockTimeout,
    /// Waits for rows that others have locked, to delete them.
    PrunesUnderLocks,
    /// Deletes all that is old at once.
    PrunesAtOnce,
}

const CAUGHT: &[(Fault, &str)] = &[
    (
        Fault::UnsortedMarks,
        "batches_in_opposite_orders_do_not_deadlock",
    ),
    (Fault::ChecksThenActs, "a_mark_in_flight_is_waited_for"),
    (Fault::WaitsForEver, "a_repeat_does_not_wait_for_ever"),
    (Fault::KeepsTheLockTimeout, "lock_timeout_is_given_back"),
    (Fault::PrunesUnderLocks, "old_marks_go_while_traffic_flows"),
    (Fault::PrunesAtOnce, "a_bite_is_never_larger_than_asked"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_broken_store_is_caught_by_the_rule_that_it_breaks() {
    let mut escaped = Vec::new();
    for (fault, rule) in CAUGHT {
        let (db, ()) = database().await;
        let subject = broken(Subject::new(db.clone()), *fault);
        match tried(subject, rule).await {
            Ok(()) => escaped.push((fault, rule)),
            Err(how) => {
                let how = how.lines().next().unwrap_or_default();
                println!("{fault:?} breaks {rule}: {how}");
            }
        }
    }
    assert!(escaped.is_empty(), "not caught: {escaped:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_store_passes_through_the_wrapper_of_the_broken_ones() {
    for (_, rule) in CAUGHT {
        let (db, ()) = database().await;
        let subject = broken(Subject::new(db.clone()), Fault::None);
        if let Err(how) = tried(subject, rule).await {
            panic!("the wrapper breaks {rule}: {how}");
        }
    }
}

/// Rules of PostgreSQL alone are not in the suite.
async fn tried(subject: Subject<Postgres>, rule: &str) -> Result<(), String> {
    let trial = match rule {
        "lock_timeout_is_given_back" => {
            tokio::spawn(lock_timeout::lock_timeout_is_given_back(subject))
        }
        "old_marks_go_while_traffic_flows" => {
            tokio::spawn(retention::old_marks_go_while_traffic_flows(subject))
        }
        "a_bite_is_never_larger_than_asked" => {
            tokio::spawn(retention::a_bite_is_never_larger_than_asked(subject))
        }
        _ => return check(subject, rule, Duration::from_secs(10)).await,
    };
    trial.await.map_err(|lost| lost.to_string())
}

fn broken(mut subject: Subject<Postgres>, fault: Fault) -> Subject<Postgres> {
    let adapters = &mut subject.adapters;
    adapters.marks = Arc::new(BrokenMarks(
        fault,
        Arc::clone(&adapters.marks),
        Barrier::new(2),
    ));
    adapters.requests = Arc::new(BrokenRequests(fault, Arc::clone(&adapters.requests)));
    adapters.store = Arc::new(store::Broken {
        fault,
        db: subject.db.clone(),
        sound: Arc::clone(&adapters.store),
    });
    subject
}

/// Where two batches meet in the middle of their marks, which they do by
/// themselves now and then, is the barrier.
struct BrokenMarks(Fault, Arc<dyn Marks<PgConnection>>, Barrier);

const IN_ORDER_OF_ARRIVAL: &str = "INSERT INTO gozon_inbox (consumer, message_id, state) \
    SELECT $1, id, 'done' FROM unnest($2::uuid[]) WITH ORDINALITY AS a (id, n) ORDER BY n \
    ON CONFLICT (consumer, message_id) DO NOTHING RETURNING message_id";

#[async_trait]
impl Marks<PgConnection> for BrokenMarks {
    async fn insert_done(
        &self,
        tx: &mut PgConnection,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashSet<MessageId>, DbError> {
        match self.0 {
            Fault::UnsortedMarks => {
                let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
                let (first, rest) = ids.split_at(1);
                let mut new = HashSet::new();
                for part in [first, rest] {
                    let marked: Vec<Uuid> = sqlx::query_scalar(IN_ORDER_OF_ARRIVAL)
                        .bind(consumer)
                        .bind(part)
                        .fetch_all(&mut *tx)
                        .await?;
                    new.extend(marked.into_iter().map(MessageId));
                    if part.len() == 1 {
                        // Bounded: whoever comes alone goes on alone.
                        let _ = timeout(Duration::from_secs(1), self.2.wait()).await;
                    }
                }
                Ok(new)
            }
            Fault::ChecksThenActs => {
                let known = self.1.states(tx, consumer, ids).await?;
                self.1.insert_done(tx, consumer, ids).await?;
                let new = ids.iter().filter(|id| !known.contains_key(id));
                Ok(new.copied().collect())
            }
            _ => self.1.insert_done(tx, consumer, ids).await,
        }
    }

    async fn states(
        &self,
        tx: &mut PgConnection,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashMap<MessageId, State>, DbError> {
        self.1.states(tx, consumer, ids).await
    }

    async fn finish_tried(
        &self,
        tx: &mut PgConnection,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashSet<MessageId>, DbError> {
        self.1.finish_tried(tx, consumer, ids).await
    }

    async fn finish(
        &self,
        tx: &mut PgConnection,
        consumer: &str,
        id: MessageId,
        attempts: u32,
    ) -> Result<bool, DbError> {
        self.1.finish(tx, consumer, id, attempts).await
    }
}

struct BrokenRequests(Fault, Arc<dyn RequestStore<PgConnection>>);

#[async_trait]
impl RequestStore<PgConnection> for BrokenRequests {
    async fn claim(
        &self,
        tx: &mut PgConnection,
        key: &RequestKey,
        keep: Duration,
        wait: Duration,
    ) -> Result<Claim, DbError> {
        let wait = match self.0 {
            Fault::WaitsForEver => Duration::from_secs(3_600),
            _ => wait,
        };
        let claim = self.1.claim(tx, key, keep, wait).await?;
        if self.0 == Fault::KeepsTheLockTimeout {
            sqlx::query("SET LOCAL lock_timeout = '2s'")
                .execute(tx)
                .await?;
        }
        Ok(claim)
    }

    async fn store(
        &self,
        tx: &mut PgConnection,
        key: &RequestKey,
        answer: &StoredAnswer,
    ) -> Result<(), DbError> {
        self.1.store(tx, key, answer).await
    }
}

mod store;
