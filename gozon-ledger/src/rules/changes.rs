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
    /// What each of its accounts held right after it, in the order of their ids.
    pub balances: Vec<(AccountId, Balance)>,
    /// What it reserved or released, in the order of the account ids.
    pub reserved: Vec<Reserved>,
}

/// By how much a transfer changed what is pending on an account: above 0 by a
/// hold, below by what resolves it. One of the two is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserved {
    /// Whose.
    pub account: AccountId,
    /// Of the pending debits.
    pub debits: i64,
    /// Of the pending credits.
    pub credits: i64,
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
    pub transfers: Vec<Recorded>,
    /// New entries.
    pub entries: Vec<EntryRow>,
    /// New reservations and releases.
    pub reservations: Vec<ReservationRow>,
    /// Changed accounts, sorted by id.
    pub accounts: Vec<AccountRow>,
    /// Holds that this batch leaves open, sorted by id.
    pub opened: Vec<OpenHold>,
    /// Holds, open before this batch, that it resolved, sorted by id.
    pub resolved: Vec<TransferId>,
}

/// A hold that waits for its resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenHold {
    /// Which.
    pub transfer: TransferId,
    /// When it expires, if ever.
    pub expires_at: Option<OffsetDateTime>,
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
    /// What debits are then pending.
    pub pending_debits: i64,
    /// What credits are then pending.
    pub pending_credits: i64,
    /// When.
    pub recorded_at: OffsetDateTime,
}

/// A new reservation, or the release of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservationRow {
    /// The account's reservations and releases are numbered 1, 2, 3, …
    pub number: i64,
    /// By which transfer.
    pub transfer: TransferId,
    /// Whose, and by how much.
    pub change: Reserved,
    /// What debits are then pending.
    pub pending_debits: i64,
    /// What credits are then pending.
    pub pending_credits: i64,
    /// What the account then holds.
    pub balance: i64,
    /// The account's version then.
    pub version: i64,
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
    /// The number of reservations that was loaded; another one in the row means
    /// a lost update too.
    pub previous_reservations: i64,
    /// The new number of reservations.
    pub reservations: i64,
    /// The new sum of pending debits.
    pub pending_debits: i64,
    /// The new sum of pending credits.
    pub pending_credits: i64,
    /// When the last transfer was recorded.
    pub changed_at: OffsetDateTime,
}
