//! What may be wrong with the ledger in memory.

/// A way for a store, or for the rules, to be wrong. The suite must notice each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Does not find the transfers that exist.
    ForgetsIds,
    /// Loads accounts without their floor.
    ForgetsFloors,
    /// Loads accounts without their ceiling.
    ForgetsCeilings,
    /// Does not keep an account from others between reading and writing.
    DoesNotLock,
    /// Answers a replay with the balances of now.
    ReplaysTodaysBalances,
    /// Writes only the first entry of a batch's last transfer.
    TearsTransfers,
    /// Fails the neighbours of a refused transfer too.
    SpreadsRefusals,
    /// Loads accounts without the time of their last entry.
    TrustsTheClock,
    /// Answers every question about the past with today's balance.
    KnowsOnlyToday,
    /// Leaves out what was recorded at the very time that is asked for.
    EndsTimesEarly,
    /// Includes what was recorded at the end of a range.
    EndsTimesLate,
    /// Begins a statement with the oldest entry.
    OldestFirst,
    /// Pages from the entry at the cursor, not below it.
    RepeatsTheCursor,
    /// Cuts references to ten bytes.
    CutsText,
    /// Loads accounts without their status.
    ForgetsStatus,
    /// Closes accounts that hold something.
    ClosesWithMoney,
    /// Loads the limits with which accounts were opened.
    KeepsOldLimits,
    /// Keeps no history of changes.
    ForgetsChanges,
    /// Records a change that finds itself done.
    RecordsRepeats,
    /// Opens an account again over the one that is there.
    ReopensAccounts,
    /// Finds nothing wrong, whatever is.
    BlindVerify,
    /// Leaves out the first entry of every slice.
    SkipsAnEntryPerSlice,
    /// Forgets between slices which accounts it followed, and how far.
    ForgetsBetweenSlices,
    /// Loads accounts without what is held of them.
    ForgetsPending,
    /// Loads holds without their end.
    ForgetsExpiry,
    /// Does not find what resolved a hold.
    ForgetsResolutions,
    /// Does not find what was taken back before.
    ForgetsReversals,
    /// Loads a hold with more money than was held.
    InflatesHolds,
    /// Keeps what a resolved hold had reserved.
    KeepsReservations,
    /// Lets a hold take its money at once.
    HoldsMoveMoney,
    /// Loads a transfer that is taken back without its reference.
    ForgetsReferences,
    /// Takes a part of a hold for all of it.
    PostsInFull,
    /// Does not look whether what a hold gives will find room.
    PromisesWithoutRoom,
    /// Lists as due what is not.
    ExpiresEarly,
    /// Never finds a hold that is due.
    NeverExpires,
    /// Answers the replay of a hold as if nothing had been held then.
    ReplaysWithoutPending,
    /// Decides each transfer of a batch on what there was before the batch.
    DecidesApart,
    /// Takes the id of a refused transfer for used.
    BurnsRefusedIds,
    /// Checks a transfer before it looks whether it is a repeat.
    ChecksFirst,
    /// Does not look how long metadata is.
    TakesAnyText,
    /// Loads what was debited and credited as their difference.
    NetsCounters,
    /// Loads every transfer as one that moved its legs at once.
    TakesAllForPayments,
    /// Loads a transfer that moved its legs at once as a hold.
    TakesAllForHolds,
    /// Takes an amount below zero for one above.
    DropsSigns,
    /// Takes the first two legs for all of them.
    TakesTwoLegs,
    /// Shows what an account was credited as negative, on whichever side it stands.
    ShowsDebits,
    /// Does not look whether an account could be opened.
    OpensAnything,
    /// Takes an account that is there for the one that is asked for.
    TakesAccountsForOthers,
    /// Does not look how large a batch is.
    TakesAnyBatch,
    /// Reports an entry as missing that is there.
    AlarmsFalsely,
    /// Fails where another batch has its accounts, rather than waiting or trying again.
    NeverTriesAgain,
}
