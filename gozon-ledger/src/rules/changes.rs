use time::OffsetDateTime;

use crate::{AccountId, Balance, PostError, Posted, RequestHash, Transfer, TransferId};

/// A transfer that stands in the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// What was asked for; its legs in the order of their account ids.
    pub transfer: Transfer,
    /// The hash that was stored with it.
    pub request_hash: RequestHash,
    /// When it was recorded.
    pub recorded_at: OffsetDateTime,
    /// What each of its accounts held right after it.
    pub balances: Vec<(AccountId, Balance)>,
}

/// What becomes of a batch.
#[derive(Debug)]
pub struct Decision {
    /// One per transfer, in order.
    pub outcomes: Vec<Result<Posted, PostError>>,
    /// What must be written, all of it or nothing.
    pub changes: Changes,
}

/// What a batch writes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Changes {
    /// New transfers, sorted by id: two batches that bring the same new ids
    /// meet them in the same order and cannot deadlock on them.
    pub transfers: Vec<TransferRow>,
    /// New entries.
    pub entries: Vec<EntryRow>,
    /// Changed accounts, sorted by id.
    pub accounts: Vec<AccountRow>,
}

/// A new transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferRow {
    /// Its id.
    pub id: TransferId,
    /// Its code.
    pub code: String,
    /// Its reference.
    pub reference: String,
    /// Its metadata.
    pub metadata: String,
    /// The hash of the request.
    pub request_hash: RequestHash,
    /// When.
    pub recorded_at: OffsetDateTime,
}

/// A new entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    /// Whose.
    pub account: AccountId,
    /// The account's version that it makes.
    pub version: i64,
    /// By which transfer.
    pub transfer: TransferId,
    /// In the account's normal direction.
    pub amount: i64,
    /// What the account then holds.
    pub balance: i64,
    /// When.
    pub recorded_at: OffsetDateTime,
}

/// An account's new counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Which.
    pub id: AccountId,
    /// The version that was loaded; if the row has another one, an update was lost.
    pub previous_version: i64,
    /// The new version.
    pub version: i64,
    /// The new sum of debits.
    pub debits: i64,
    /// The new sum of credits.
    pub credits: i64,
    /// When the last entry was recorded.
    pub changed_at: OffsetDateTime,
}
