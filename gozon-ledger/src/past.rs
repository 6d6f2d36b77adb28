use std::ops::Range;

use time::{Duration, OffsetDateTime};

use crate::{AccountId, Entry, Ledger, LedgerDatabase, LedgerError};

/// A point in the history of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// Right after its n-th entry; 0 is right after it was opened.
    Version(i64),
    /// After everything that was recorded at this time or before. Recorded
    /// times rise with versions, whatever clocks did, so this is always one
    /// version.
    ///
    /// A time that is not yet past may see more entries later.
    Time(OffsetDateTime),
}

/// What an account held at a point in its history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastBalance {
    /// In minor units, in the account's normal direction.
    pub posted: i64,
    /// After how many entries.
    pub version: i64,
    /// When the last of them was recorded; when the account was opened if there
    /// was none.
    pub recorded_at: OffsetDateTime,
}

impl<D: LedgerDatabase> Ledger<D> {
    /// What the account held then; `None` if it did not exist then, or has not
    /// come to that version.
    ///
    /// One statement, by the primary key of entries: one look-up for a version,
    /// about twenty for a time among a million entries.
    ///
    /// # Errors
    /// When the database fails; [`LedgerError::Corrupt`] if an entry that must
    /// be there is not.
    pub async fn balance_at(
        &self,
        account: AccountId,
        as_of: AsOf,
    ) -> Result<Option<PastBalance>, LedgerError> {
        let mut reader = self.reader().await?;
        self.store.balance_at(&mut reader, account, as_of).await
    }

    /// As [`Ledger::statement`], of what was recorded in the half-open range
    /// `from..until` alone. Two statements.
    ///
    /// # Errors
    /// As [`Ledger::balance_at`].
    pub async fn statement_between(
        &self,
        account: AccountId,
        recorded: Range<OffsetDateTime>,
        before_version: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Entry>, LedgerError> {
        let mut reader = self.reader().await?;
        let last = AsOf::Time(last_before(recorded.end));
        let Some(last) = self.store.balance_at(&mut reader, account, last).await? else {
            return Ok(Vec::new());
        };
        let before = last.version.saturating_add(1);
        let before = before_version.map_or(before, |cursor| cursor.min(before));
        let limit = limit.min(self.config.max_page);
        let page = self.store.statement(&mut reader, account, before, limit);
        let page = page.await?.into_iter();
        Ok(page
            .take_while(|entry| entry.recorded_at >= recorded.start)
            .collect())
    }
}

/// Times are kept in microseconds.
pub(crate) fn last_before(time: OffsetDateTime) -> OffsetDateTime {
    time.checked_sub(Duration::MICROSECOND).unwrap_or(time)
}

/// What both databases answer: the time of opening, and the version with its
/// entry, where there are.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) struct PastRow {
    pub(crate) opened_at: OffsetDateTime,
    pub(crate) version: Option<i64>,
    pub(crate) entry: Option<(i64, OffsetDateTime)>,
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
impl PastRow {
    pub(crate) fn balance(
        self,
        account: AccountId,
        as_of: AsOf,
    ) -> Result<Option<PastBalance>, LedgerError> {
        let missing = || LedgerError::Corrupt(format!("account {account} lacks an entry"));
        let (posted, version, recorded_at) = match (self.version, self.entry) {
            (Some(0), _) => (0, 0, self.opened_at),
            (Some(version), Some((balance, recorded_at))) => (balance, version, recorded_at),
            (None, _) if matches!(as_of, AsOf::Version(_)) => return Ok(None),
            (Some(_), None) | (None, _) => return Err(missing()),
        };
        Ok(Some(PastBalance {
            posted,
            version,
            recorded_at,
        }))
    }
}
