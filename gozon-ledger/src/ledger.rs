//! The ledger on a database: it locks, lets the rules decide, and writes.

mod names;
mod opening;
mod reading;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use gozon_core::{Clock, SystemClock};
use gozon_sqlx::{Db, DbError};
use tokio::time::Instant;

use crate::rules::{Book, Decision};
use crate::store::{LedgerDatabase, LedgerStore};
use crate::{
    ConfigError, LedgerConfig, LedgerError, PostError, Posted, Transfer, TransferId, metrics,
};

use names::{Names, check_locked};

#[cfg(any(test, feature = "conformance"))]
pub(crate) use opening::check_new;

/// What became of each transfer of a call, in order.
pub type Outcomes = Vec<Result<Posted, PostError>>;

/// A double-entry ledger in your database. Cheap to clone.
///
/// Every operation that can share a transaction comes as a pair: `post_in`
/// joins yours, `post` opens and commits one around it.
pub struct Ledger<D: LedgerDatabase> {
    pub(crate) db: Db<D>,
    pub(crate) store: Arc<dyn LedgerStore<D::Tx>>,
    pub(crate) config: Arc<LedgerConfig>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl<D: LedgerDatabase> Ledger<D> {
    /// A ledger in `db`. Call [`Ledger::migrate`] before the first use.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting that cannot work.
    pub fn new(db: Db<D>, config: LedgerConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            db,
            store: D::store(),
            config: Arc::new(config),
            clock: Arc::new(SystemClock),
        })
    }

    /// Takes the time from somewhere else.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Works through another adapter: to wrap one, or to break one in a test.
    #[must_use]
    pub fn with_store(self, store: Arc<dyn LedgerStore<D::Tx>>) -> Self {
        Self { store, ..self }
    }

    /// Creates or completes the tables. Safe to call from several instances at
    /// once.
    ///
    /// # Errors
    /// As [`gozon_sqlx::Migrations::run`].
    pub async fn migrate(&self) -> Result<(), DbError> {
        D::MIGRATIONS.run(&self.db).await
    }

    /// Posts the transfers in a transaction of their own. See
    /// [`Ledger::post_in`] for what each of them gets.
    ///
    /// Begins again, `attempts` times, when another transaction is in its way.
    ///
    /// # Errors
    /// As [`Ledger::post_in`]. After an error of class `Retry` the transfers
    /// may stand in the books: repeat the same call, and what stands there
    /// already answers as a replay.
    pub async fn post(&self, transfers: &[Transfer]) -> Result<Outcomes, LedgerError> {
        let mut attempt = 1;
        loop {
            match self.post_once(transfers).await {
                Err(error @ (LedgerError::Contention(_) | LedgerError::Overtaken { .. }))
                    if attempt < self.config.attempts =>
                {
                    tracing::debug!(attempt, %error, "posting again after contention");
                    ::metrics::counter!(metrics::CONTENDED).increment(1);
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    async fn post_once(&self, transfers: &[Transfer]) -> Result<Outcomes, LedgerError> {
        let mut tx = self.db.begin().await?;
        let outcomes = self.post_in(&mut tx, transfers).await?;
        if outcomes.iter().any(moved) {
            tx.commit().await?;
        } else {
            // Nothing to make durable: spares the flush of a commit.
            tx.rollback().await?;
        }
        Ok(outcomes)
    }

    /// Posts the transfers in the caller's transaction, in order, each on what
    /// the ones before it left. One outcome per transfer; a refused one writes
    /// nothing and neither fails the transaction nor disturbs its neighbours.
    ///
    /// **Atomicity.** A transfer moves all its legs or none; a rollback of the
    /// transaction removes everything.
    /// **Replay.** An id that was posted before, with the same content, moves
    /// nothing and answers with its first balances; with other content it is
    /// [`PostError::IdConflict`]. That is settled before anything is checked.
    /// Refusals are not remembered.
    /// **Holds and reversals.** A batch may place a hold and resolve it, or move
    /// money and take it back; see [`Kind`](crate::Kind) for what each does.
    /// **Locks.** All accounts of the batch, and of the transfers that it follows
    /// on, are locked in one global order until the transaction ends. Call it once per transaction, with everything, or
    /// two transactions may wait for each other in a circle and one of them
    /// gets [`LedgerError::Contention`].
    /// **Cost.** PostgreSQL: three statements for a batch of any size, two if
    /// nothing moves; SQLite: five and two, and up to three more for holds.
    ///
    /// # Errors
    /// After an error the transaction is unusable: roll it back and act by
    /// [`LedgerError::class`].
    #[tracing::instrument(name = "ledger.post", skip_all, fields(transfers = transfers.len()))]
    pub async fn post_in(
        &self,
        tx: &mut D::Tx,
        transfers: &[Transfer],
    ) -> Result<Outcomes, LedgerError> {
        if transfers.len() > self.config.max_batch {
            return Err(LedgerError::BatchTooLarge {
                transfers: transfers.len(),
                limit: self.config.max_batch,
            });
        }
        if transfers.is_empty() {
            return Ok(Vec::new());
        }
        let started = Instant::now();
        let Names {
            accounts,
            ids,
            named,
        } = Names::of(transfers);
        let accounts = self.store.lock_accounts(tx, &accounts, &named).await?;
        // Only now, in a statement that began under the locks: one that began
        // earlier would miss what was committed while it waited for them.
        let recorded = self.store.find_transfers(tx, &ids, &named).await?;
        check_locked(&accounts, &recorded, &named)?;

        let book = Book::new(accounts, recorded);
        let Decision { outcomes, changes } =
            book.decide(transfers, &self.config.limits, self.clock.now());
        if !changes.transfers.is_empty() {
            self.store.write(tx, &changes).await?;
        }
        count(transfers, &outcomes);
        ::metrics::histogram!(metrics::POST_SECONDS).record(started.elapsed());
        Ok(outcomes)
    }

    /// Releases holds whose time is over, `limit` or `max_batch` at most; how
    /// many were. As many as the limit means that there may be more.
    ///
    /// An expired hold cannot be posted whether or not this ran; until it did,
    /// what the hold reserved stays out of reach. Call it from time to time, as
    /// often as that may last, from as many instances as you like: each hold is
    /// released once, by a transfer with the id that
    /// [`TransferId::of_expiry`] makes and with the hold's reference.
    ///
    /// # Errors
    /// As [`Ledger::post`].
    #[tracing::instrument(name = "ledger.expire_due", skip_all)]
    pub async fn expire_due(&self, limit: usize) -> Result<usize, LedgerError> {
        let limit = u32::try_from(limit.min(self.config.max_batch)).unwrap_or(u32::MAX);
        let mut reader = self.reader().await?;
        let due = self
            .store
            .due_holds(&mut reader, self.clock.now(), limit)
            .await?;
        drop(reader);
        let outcomes = self.post(&expiries(due)).await?;
        // Refused were those that somebody else resolved meanwhile, or whose
        // accounts live by another instance's later clock.
        Ok(outcomes.iter().filter(|outcome| moved(outcome)).count())
    }

    pub(crate) async fn reader(
        &self,
    ) -> Result<sqlx::pool::PoolConnection<D::Driver>, LedgerError> {
        Ok(self.db.reader().acquire().await?)
    }
}

fn moved(outcome: &Result<Posted, PostError>) -> bool {
    outcome.as_ref().is_ok_and(|posted| !posted.replayed)
}

/// The transfers that release these holds.
pub(crate) fn expiries(due: Vec<TransferId>) -> Vec<Transfer> {
    let expiry = |hold: TransferId| Transfer::new(hold.of_expiry(), "expire").expiring(hold);
    due.into_iter().map(expiry).collect()
}

fn count(transfers: &[Transfer], outcomes: &Outcomes) {
    let mut all: HashMap<(&'static str, &'static str), u64> = HashMap::new();
    for (transfer, outcome) in transfers.iter().zip(outcomes) {
        let outcome = match outcome {
            Ok(posted) if posted.replayed => "replayed",
            Ok(_) => "posted",
            Err(refused) => refused.kind(),
        };
        *all.entry((transfer.kind.as_str(), outcome)).or_default() += 1;
    }
    for ((kind, outcome), many) in all {
        ::metrics::counter!(metrics::TRANSFERS, "kind" => kind, "outcome" => outcome)
            .increment(many);
    }
    let size = u32::try_from(outcomes.len()).unwrap_or(u32::MAX);
    ::metrics::histogram!(metrics::BATCH).record(f64::from(size));
}

impl<D: LedgerDatabase> Clone for Ledger<D> {
    fn clone(&self) -> Self {
        Self {
            db: self.db.clone(),
            store: Arc::clone(&self.store),
            config: Arc::clone(&self.config),
            clock: Arc::clone(&self.clock),
        }
    }
}

impl<D: LedgerDatabase> fmt::Debug for Ledger<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("db", &self.db)
            .finish_non_exhaustive()
    }
}
