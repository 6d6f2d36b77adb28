//! Every metric of this crate.

/// Transfers decided. Label `kind`: `single`, `pending`, `post`, `void`,
/// `expire` or `reversal`. Label `outcome`: `posted`, `replayed`, or why it was
/// refused, by the name that [`PostError::kind`](crate::PostError::kind) gives.
/// Counted when decided: if the caller then rolls back, nothing has moved.
pub const TRANSFERS: &str = "gozon_ledger_transfers_total";

/// Transfers per call of `post` or `post_in`. The larger, the cheaper each.
pub const BATCH: &str = "gozon_ledger_batch_transfers";

/// Time from taking the account locks to the end of the write, in seconds,
/// waiting for the locks included.
pub const POST_SECONDS: &str = "gozon_ledger_post_seconds";

/// Times that `post` began again because another transaction was in its way.
pub const CONTENDED: &str = "gozon_ledger_contended_total";

/// Changes of accounts by operators. Label `change`: `freeze`, `unfreeze`,
/// `close`, `floor`, `ceiling`, `metadata`.
pub const ACCOUNT_CHANGES: &str = "gozon_ledger_account_changes_total";

/// Findings of the last finished `verify`. Alert when it is not 0.
pub const FINDINGS: &str = "gozon_ledger_verify_findings";

/// Findings that an [`Auditor`](crate::Auditor) knows of: of its last round
/// through the ledger, or of the one that runs if that has more already. Alert
/// when it is not 0.
pub const UNEXPLAINED: &str = "gozon_ledger_unexplained_differences";

/// Rounds through the whole ledger that an auditor has finished. Alert when it
/// stands still.
pub const VERIFY_ROUNDS: &str = "gozon_ledger_verify_rounds_total";

/// Slices that failed because of the database, and were repeated.
pub const VERIFY_FAILURES: &str = "gozon_ledger_verify_failures_total";

/// Groups that wait in the queue of a [`Poster`](crate::Poster). At its limit,
/// callers hear `Overloaded`.
pub const POSTER_QUEUE_GROUPS: &str = "gozon_ledger_poster_queue_groups";

/// Their legs.
pub const POSTER_QUEUE_LEGS: &str = "gozon_ledger_poster_queue_legs";

/// Transfers per transaction of a poster. 1 when idle; at its limit under load.
pub const POSTER_BATCH: &str = "gozon_ledger_poster_batch_transfers";

/// Groups that a poster has answered. Label `outcome`: `answered` (whatever the
/// rules said), `overloaded`, `too_large`, `timed_out`, `stopped`, `failed`; or
/// `abandoned`, if the caller was gone before the transaction began.
pub const POSTER_GROUPS: &str = "gozon_ledger_poster_groups_total";

/// Time from a call until its transaction begins, in seconds.
pub const POSTER_WAIT_SECONDS: &str = "gozon_ledger_poster_wait_seconds";

/// Time from a call until its answer, in seconds.
pub const POSTER_SECONDS: &str = "gozon_ledger_poster_seconds";

/// Times that a poster paused because another transaction was in the way of its
/// own.
pub const POSTER_CONTENDED: &str = "gozon_ledger_poster_contended_total";

/// Transactions that failed as a whole, so that their groups were posted one by
/// one. Rises slowly if ever; find the cause in the log.
pub const POSTER_SPLIT: &str = "gozon_ledger_poster_split_total";
