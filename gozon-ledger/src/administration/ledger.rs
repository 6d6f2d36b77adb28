use time::{Duration, OffsetDateTime};

use super::{AccountChange, AccountState, ChangeError, Changed, RecordedChange, decide};
use crate::{AccountId, Ledger, LedgerDatabase, LedgerError, metrics};

impl<D: LedgerDatabase> Ledger<D> {
    /// Changes an account in a transaction of its own. See
    /// [`Ledger::change_account_in`].
    ///
    /// # Errors
    /// As [`Ledger::change_account_in`]. Repeating is safe.
    pub async fn change_account(
        &self,
        account: AccountId,
        change: &AccountChange,
        reason: &str,
    ) -> Result<Changed, LedgerError> {
        let mut attempt = 1;
        loop {
            match self.change_once(account, change, reason).await {
                Err(LedgerError::Contention(error)) if attempt < self.config.attempts => {
                    tracing::debug!(attempt, %error, "changing an account again after contention");
                    ::metrics::counter!(metrics::CONTENDED).increment(1);
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    async fn change_once(
        &self,
        account: AccountId,
        change: &AccountChange,
        reason: &str,
    ) -> Result<Changed, LedgerError> {
        let mut tx = self.db.begin().await?;
        let changed = self
            .change_account_in(&mut tx, account, change, reason)
            .await?;
        if changed.applied {
            tx.commit().await?;
        } else {
            tx.rollback().await?;
        }
        Ok(changed)
    }

    /// Changes an account in the caller's transaction, and records when, what
    /// and why.
    ///
    /// A change that finds itself done changes and records nothing.
    /// **Locks.** The account is locked until the transaction ends, as by
    /// [`Ledger::post_in`]: a post that began before is decided before the
    /// change, a later one after it. **Cost.** Three statements, two if nothing
    /// changes; on SQLite one more.
    ///
    /// # Errors
    /// [`LedgerError::Change`] says why it was refused and wrote nothing; the
    /// transaction can be used further. After any other error roll it back.
    #[tracing::instrument(name = "ledger.change_account", skip_all, fields(account.id = %account, change = change.kind()))]
    pub async fn change_account_in(
        &self,
        tx: &mut D::Tx,
        account: AccountId,
        change: &AccountChange,
        reason: &str,
    ) -> Result<Changed, LedgerError> {
        let missing = ChangeError::AccountNotFound { account };
        let locked = self.store.lock_accounts(tx, &[account], &[]).await?;
        let Some(locked) = locked.into_iter().next() else {
            return Err(missing.into());
        };
        // Read under the lock, so that it is as the lock answered.
        let state = self.store.account_state(tx, account).await?;
        let Some(state) = state else {
            return Err(missing.into());
        };
        let limits = &self.config.limits;
        let now = self.clock.now();
        let decided = decide(&locked, &state.metadata, change, reason, limits, now)?;
        let Some(row) = decided else {
            return Ok(Changed {
                applied: false,
                account: state,
            });
        };
        self.store.write_account_change(tx, &row).await?;
        ::metrics::counter!(metrics::ACCOUNT_CHANGES, "change" => change.kind()).increment(1);
        Ok(Changed {
            applied: true,
            account: AccountState {
                status: row.account.status,
                floor: row.account.floor,
                ceiling: row.account.ceiling,
                metadata: row.metadata,
                changed_at: row.account.changed_at,
                ..state
            },
        })
    }

    /// All that is known of the account; `None` if there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn account(&self, account: AccountId) -> Result<Option<AccountState>, LedgerError> {
        let mut reader = self.reader().await?;
        self.store.account_state(&mut reader, account).await
    }

    /// What operators did to the account, newest first: before `before` (all,
    /// if `None`), `limit` or `max_page` at most. The time of the last one is
    /// the cursor of the next page.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn account_changes(
        &self,
        account: AccountId,
        before: Option<OffsetDateTime>,
        limit: u32,
    ) -> Result<Vec<RecordedChange>, LedgerError> {
        // No clock is a year ahead, and both databases can compare with it.
        let before = before.unwrap_or_else(|| self.clock.now() + Duration::days(366));
        let limit = limit.min(self.config.max_page);
        let mut reader = self.reader().await?;
        self.store
            .account_changes(&mut reader, account, before, limit)
            .await
    }
}
