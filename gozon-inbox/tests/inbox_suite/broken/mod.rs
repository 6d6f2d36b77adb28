//! Inboxes with one fault each: a sound one, and around it what is wrong.

mod engine;
mod marks;
mod naive;
mod requests;
mod store;

use std::sync::{Arc, Mutex};

use gozon_inbox::conformance::Subject;
use gozon_sqlx::Sqlite;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Looks whether a mark is there, and writes it some time after the effect.
    MarksAfterTheEffect,
    /// Leaves no marks.
    ForgetsMarks,
    /// Has one name for all consumers.
    SharesMarks,
    /// Takes every mark for old.
    PrunesTheYoung,
    /// Deletes what is kept along with what is done.
    PrunesWhatIsKept,
    /// Says that it has kept a message.
    ForgetsWhatIsKept,
    /// Tries a message until it succeeds, before it looks at the next.
    PoisonBlocks,
    /// Does not contain a handler's panic.
    DiesOfAPanic,
    /// Appends a handler's messages before it knows how the handler ended.
    SendsAtOnce,
    /// Takes a deadlock for the message's fault.
    CountsConflicts,
    /// Repeats after conflicts without an end.
    RepeatsForEver,
    /// Gives handlers messages without their trace.
    LosesTheTrace,
    /// Drops the batch in hand at shutdown.
    DropsWhatItHolds,
    /// Acknowledges what is no message, and keeps nothing.
    LosesTheMalformed,
    /// Acknowledges what it receives.
    AcksAtOnce,
    /// Does not subscribe again.
    EndsWithItsStream,
    /// Gives deliveries back while the database is away.
    RequeuesInAnOutage,
    /// Finds no retry due, ever.
    NeverClaims,
    /// Counts an attempt in the handler's transaction, so a rollback undoes it.
    CountsInsideTheTransaction,
    /// Tries again what was refused for good.
    KeepsTheRejected,
    /// Does not look at the time of a retry.
    ClaimsEarly,
    /// Gives one retry to two.
    ClaimsTwice,
    /// Does not compare attempts.
    HasNoFence,
    /// Keeps what cannot be read as if it could.
    ForgetsWhatIsMalformed,
    /// Counts an attempt for each message of a batch.
    CountsCompany,
    /// Reports what was being tried as done.
    TakesTriedForDone,
    /// Lets everyone finish a message.
    FinishesTwice,
    /// Answers each page with the first one.
    PagesFromTheStart,
    /// Passes over what died at the same time.
    PagesByTimeAlone,
    /// Counts the attempts of a former life.
    ReplaysOnCredit,
    /// Replays without a record.
    RecordsNoReplay,
    /// Discards without a record.
    RecordsNoDiscard,
    /// Deletes the mark of what was discarded.
    DiscardsTheMark,
    /// Replays what is no message.
    ReplaysAnything,
    /// Says that it has decided, whatever the message is.
    DecidesWithoutLooking,
    /// Decides for all consumers.
    DecidesForAll,
    /// Finds every line empty.
    IgnoresLines,
    /// Gives nobody his turn.
    NeverMovesUp,
    /// Puts the last to come in front of those who wait.
    QueuesInFront,
    /// Does not look for lines that a crash left behind.
    NeverLooksForTheStuck,
    /// Says that a message which was noted waits, and does not keep it.
    LosesWhatWasNoted,
    /// Keeps order where nobody asked for it.
    OrdersEverything,
    /// Finds every key unused.
    EveryKeyIsFresh,
    /// Takes any request under a key for the same.
    IgnoresFingerprints,
    /// Remembers keys outside the transaction.
    RemembersKeys,
    /// Remembers answers outside the transaction.
    AnswersOutsideTheTransaction,
    /// Never forgets a key.
    KeysNeverExpire,
    /// Has one space of keys for all users and routes.
    SharesKeys,
}

/// The same subject with a fault.
pub(crate) fn broken(sound: Subject<Sqlite>, fault: Fault) -> Subject<Sqlite> {
    let Subject {
        db,
        mut adapters,
        engine,
    } = sound;
    adapters.marks = Arc::new(marks::Broken {
        fault,
        sound: adapters.marks,
        late: Mutex::default(),
    });
    adapters.store = Arc::new(store::Broken {
        fault,
        db: db.clone(),
        sound: adapters.store,
    });
    adapters.requests = Arc::new(requests::Broken::new(fault, adapters.requests));
    let engine = engine::broken(engine, fault, &adapters);
    Subject {
        db,
        adapters,
        engine,
    }
}
