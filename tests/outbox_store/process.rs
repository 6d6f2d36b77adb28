//! One process that works on the outbox of a database: pools, outbox and relay
//! of its own.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gozon_core::{Append, Envelope, NewMessage, Outcome, Publisher};
use gozon_outbox::{Outbox, OutboxConfig, RelayError};
use gozon_sqlx::Db;
use gozon_sqlx::postgres::{PoolSettings, Postgres, connect};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// So slow that whatever happens sooner was not found by polling.
pub(crate) const NEVER: Duration = Duration::from_secs(600);

pub(crate) struct Process {
    pub(crate) db: Db<Postgres>,
    pub(crate) outbox: Outbox<Postgres>,
}

/// A relay or an announcer at work.
pub(crate) struct Running {
    task: JoinHandle<Result<(), RelayError>>,
    shutdown: CancellationToken,
}

impl Process {
    pub(crate) async fn start(url: &str, config: OutboxConfig) -> Self {
        let db = connect(url, &PoolSettings::default()).await.unwrap();
        let outbox = Outbox::new(db.clone(), config).unwrap();
        outbox.migrate().await.unwrap();
        Self { db, outbox }
    }

    /// Commits, and says so, as a service does.
    pub(crate) async fn say(&self, messages: &[NewMessage]) {
        let mut tx = self.db.begin().await.unwrap();
        self.outbox.append(&mut tx, messages).await.unwrap();
        tx.commit().await.unwrap();
        self.outbox.committed(messages);
    }

    pub(crate) fn relay(&self, broker: &Arc<Broker>) -> Running {
        let shutdown = CancellationToken::new();
        let relay = self.outbox.relay(broker.clone());
        Running {
            task: tokio::spawn(relay.run(shutdown.clone())),
            shutdown,
        }
    }

    pub(crate) fn announce(&self) -> Running {
        let shutdown = CancellationToken::new();
        let (outbox, end) = (self.outbox.clone(), shutdown.clone());
        Running {
            task: tokio::spawn(async move {
                outbox.announce(end).await;
                Ok(())
            }),
            shutdown,
        }
    }

    /// How many partitions each member has, the most first.
    pub(crate) async fn shares(&self) -> Vec<i64> {
        sqlx::query_scalar(
            "SELECT count(*) FROM gozon_outbox_leases WHERE owner IS NOT NULL
             GROUP BY owner ORDER BY 1 DESC",
        )
        .fetch_all(self.db.reader())
        .await
        .unwrap()
    }

    /// How many side connections listen.
    pub(crate) async fn listening(&self) -> i64 {
        sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND query LIKE 'LISTEN%'",
        )
        .fetch_one(self.db.reader())
        .await
        .unwrap()
    }

    /// The servers' processes behind the side connections, but for these.
    pub(crate) async fn side_connections(&self, but: &[i32]) -> Vec<i32> {
        sqlx::query_scalar(
            "SELECT pid FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()
               AND (query LIKE 'LISTEN%' OR query LIKE '-- $1 what to say%')
               AND pid <> ALL ($1)",
        )
        .bind(but)
        .fetch_all(self.db.reader())
        .await
        .unwrap()
    }

    /// Ends these connections on the server's side, and waits until they are gone.
    pub(crate) async fn end_connections(&self, pids: &[i32]) {
        let ended: Vec<bool> =
            sqlx::query_scalar("SELECT pg_terminate_backend(pid, 60000) FROM unnest($1) AS pid")
                .bind(pids)
                .fetch_all(self.db.reader())
                .await
                .unwrap();
        assert!(ended.iter().all(|gone| *gone), "{ended:?}");
    }
}

impl Running {
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }

    /// As `kill -9` would, as far as the database can tell.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// Confirms, and counts; refuses what says `poison` until it is healed.
pub(crate) struct Broker {
    seen: Mutex<Vec<String>>,
    count: watch::Sender<usize>,
    healed: watch::Sender<bool>,
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            seen: Mutex::default(),
            count: watch::channel(0).0,
            healed: watch::channel(false).0,
        }
    }
}

impl Broker {
    pub(crate) fn heal(&self) {
        self.healed.send_replace(true);
    }

    /// Everything it confirmed, in order.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until it has confirmed so many messages; for ten seconds at most.
    pub(crate) async fn saw(&self, count: usize) {
        let mut counts = self.count.subscribe();
        let enough = counts.wait_for(|seen| *seen >= count);
        let waited = tokio::time::timeout(Duration::from_secs(10), enough).await;
        assert!(waited.is_ok(), "saw {:?}, not {count}", self.seen());
    }
}

#[async_trait]
impl Publisher for Broker {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Outcome> {
        let healed = *self.healed.borrow();
        let answer = |envelope: &Envelope| {
            let text = String::from_utf8(envelope.data.to_vec()).unwrap();
            if text == "poison" && !healed {
                return Outcome::Refused {
                    reason: "too large".into(),
                };
            }
            self.seen.lock().unwrap().push(text);
            self.count.send_modify(|count| *count += 1);
            Outcome::Confirmed
        };
        batch.iter().map(answer).collect()
    }
}
