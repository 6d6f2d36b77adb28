//! Every metric of this crate.

/// Transfers decided. Label `outcome`: `posted`, `replayed`, or why it was
/// refused (`insufficient_funds`, `limit_exceeded`, `account_not_found`,
/// `id_conflict`, `asset_mismatch`, `non_positive_amount`, `same_account`,
/// `unbalanced`, `leg_count`, `amount_overflow`, `invalid_text`). Counted when
/// decided: if the caller then rolls back, nothing has moved.
pub const TRANSFERS: &str = "gozon_ledger_transfers_total";

/// Transfers per call of `post` or `post_in`. The larger, the cheaper each.
pub const BATCH: &str = "gozon_ledger_batch_transfers";

/// Time from taking the account locks to the end of the write, in seconds,
/// waiting for the locks included.
pub const POST_SECONDS: &str = "gozon_ledger_post_seconds";

/// Times that `post` began again because another transaction was in its way.
pub const CONTENDED: &str = "gozon_ledger_contended_total";

/// Findings of the last finished `verify`. Alert when it is not 0.
pub const FINDINGS: &str = "gozon_ledger_verify_findings";
