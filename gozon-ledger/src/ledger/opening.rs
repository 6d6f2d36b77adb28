//! Opening accounts.

use crate::rules::check_text;
use crate::{Ledger, LedgerDatabase, LedgerError, Limits, NewAccount, Opening};

impl<D: LedgerDatabase> Ledger<D> {
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
