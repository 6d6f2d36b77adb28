use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use gozon_core::{Clock, SystemClock};
use gozon_sqlx::{Db, DbError};
use tokio::time::Instant;

use crate::rules::{Book, Decision, Recorded, check_text};
use crate::store::{LedgerDatabase, LedgerStore};
use crate::{
    Account, AccountId, Balance, ConfigError, Entry, LedgerConfig, LedgerError, Limits, NewAccount,
    Opening, PostError, Posted, Transfer, TransferId, metrics,
};

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

    /// Opens an account in a transaction of its own. See
    /// [`Ledger::open_account_in`].
    ///
    /// # Errors
    /// As [`Ledger::open_account_in`]. Repeating is safe.
    pub async fn open_account(&self, account: &NewAccount) -> Result<Opening, LedgerError> {
        let mut tx = self.db.begin().await?;
        let opening = self.open_account_in(&mut tx, account).await?;
        tx.commit().await?;
        Ok(opening)
    }

    /// Opens an account in the caller's transaction.
    ///
    /// Opening it again changes nothing. Two statements at most.
    ///
    /// # Errors
    /// [`LedgerError::InvalidAccount`] wrote nothing;
    /// [`LedgerError::AccountConflict`] if the id belongs to an account with
    /// another asset, normal side or code.
    pub async fn open_account_in(
        &self,
        tx: &mut D::Tx,
        account: &NewAccount,
    ) -> Result<Opening, LedgerError> {
        check_new(account, &self.config.limits)?;
        let opened_at = self.clock.now();
        if self.store.insert_account(tx, account, opened_at).await? {
            return Ok(Opening::Opened);
        }
        let missing = || LedgerError::Corrupt(format!("account {} is and is not", account.id));
        let found = self.store.identity(tx, account.id).await?;
        let found = found.ok_or_else(missing)?;
        let differs = if found.asset != account.asset {
            "asset"
        } else if found.normal != account.normal {
            "normal side"
        } else if found.code != account.code {
            "code"
        } else {
            return Ok(Opening::AlreadyOpen);
        };
        Err(LedgerError::AccountConflict {
            account: account.id,
            differs,
        })
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

    /// What the account holds now; `None` if there is no such account.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn balance(&self, account: AccountId) -> Result<Option<Balance>, LedgerError> {
        let mut reader = self.reader().await?;
        self.balance_in(&mut reader, account).await
    }

    /// What the account holds, as the caller's transaction sees it, without a
    /// lock: by the time of a later statement it may hold something else.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn balance_in(
        &self,
        tx: &mut D::Tx,
        account: AccountId,
    ) -> Result<Option<Balance>, LedgerError> {
        Ok(self.balances_in(tx, &[account]).await?.remove(&account))
    }

    /// The balances of those of the accounts that exist, in one statement.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn balances_in(
        &self,
        tx: &mut D::Tx,
        accounts: &[AccountId],
    ) -> Result<HashMap<AccountId, Balance>, LedgerError> {
        let found = self.store.balances(tx, accounts).await?;
        Ok(found.into_iter().collect())
    }

    /// Those of the accounts that exist, in one statement.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn accounts_in(
        &self,
        tx: &mut D::Tx,
        accounts: &[AccountId],
    ) -> Result<HashSet<AccountId>, LedgerError> {
        Ok(self.balances_in(tx, accounts).await?.into_keys().collect())
    }

    /// The account's entries, newest first: those below version
    /// `before_version` (all, if `None`), `limit` or `max_page` at most. The
    /// version of the last one is the cursor of the next page. Empty also for
    /// an account that does not exist.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn statement(
        &self,
        account: AccountId,
        before_version: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Entry>, LedgerError> {
        let before = before_version.unwrap_or(i64::MAX);
        let limit = limit.min(self.config.max_page);
        let mut reader = self.reader().await?;
        self.store
            .statement(&mut reader, account, before, limit)
            .await
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

/// What a batch names, each without repeats and sorted by id.
struct Names {
    /// The accounts of its legs.
    accounts: Vec<AccountId>,
    /// Its own transfers.
    ids: Vec<TransferId>,
    /// The transfers that they follow on.
    named: Vec<TransferId>,
}

impl Names {
    fn of(transfers: &[Transfer]) -> Self {
        let legs = transfers.iter().flat_map(|transfer| &transfer.legs);
        Self {
            accounts: distinct(legs.map(|leg| leg.account)),
            ids: distinct(transfers.iter().map(|transfer| transfer.id)),
            named: distinct(
                transfers
                    .iter()
                    .filter_map(|transfer| transfer.kind.named()),
            ),
        }
    }
}

fn distinct<T: Ord>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = all.collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What a batch follows on must be decided under the locks of its accounts. A
/// transfer that was recorded after the accounts to be locked were read, and
/// before the transfers were, is the one case where they are not; to lock them
/// now would break the order of locks.
fn check_locked(
    locked: &[Account],
    recorded: &[Recorded],
    named: &[TransferId],
) -> Result<(), LedgerError> {
    if named.is_empty() {
        return Ok(());
    }
    let locked: HashSet<AccountId> = locked.iter().map(|account| account.id).collect();
    for one in recorded {
        let all = one
            .balances
            .iter()
            .all(|(account, _)| locked.contains(account));
        if !all && named.binary_search(&one.transfer.id).is_ok() {
            return Err(LedgerError::Overtaken {
                transfer: one.transfer.id,
            });
        }
    }
    Ok(())
}

/// What can be said of a new account without looking.
pub(crate) fn check_new(account: &NewAccount, limits: &Limits) -> Result<(), LedgerError> {
    let reason = if check_text("code", &account.code, 1, Limits::CODE_BYTES).is_err() {
        "its code must have 1 to 64 bytes without NUL"
    } else if check_text("metadata", &account.metadata, 0, limits.max_metadata_bytes).is_err() {
        "its metadata is too long or holds NUL"
    } else if account.floor.is_some_and(|floor| floor > 0) {
        "it opens with 0, so its floor must be 0 or less"
    } else if account.ceiling.is_some_and(|ceiling| ceiling < 0) {
        "it opens with 0, so its ceiling must be 0 or more"
    } else {
        return Ok(());
    };
    Err(LedgerError::InvalidAccount {
        account: account.id,
        reason,
    })
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
