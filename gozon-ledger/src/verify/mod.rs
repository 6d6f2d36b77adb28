//! Proving that the books agree: at once, in slices, or all the time.

mod auditor;
mod cursor;
mod ledger;
mod source;
mod steps;

pub use auditor::{Auditor, AuditorConfig, Standing};
pub use cursor::{VerifyBudget, VerifyCursor, VerifyProgress, VerifySlice};
#[cfg(any(test, feature = "conformance"))]
pub(crate) use source::AuditSource;
#[cfg(any(test, feature = "conformance"))]
pub(crate) use steps::slice;
