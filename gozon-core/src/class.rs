/// What the caller of a failed operation can do about it.
///
/// Every error type of Gozon answers `class()`; consumers and HTTP handlers
/// decide by it alone, never by matching message text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The same input may succeed later: a lost connection, a deadlock, an
    /// outage. Repeat it; do not hold it against the input.
    Retry,
    /// The same input never will succeed. Refuse it, or dead-letter it.
    Reject,
    /// Our own fault. Dead-letter the input and raise an alarm.
    Bug,
}
