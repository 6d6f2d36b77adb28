//! The suites that adapters must pass.
//!
//! An adapter that does not pass does not merge. Every rule has a name, and a
//! deliberately broken adapter that proves the suite able to catch it.

pub mod transport;

pub use transport::{Report, Verdict, Violation};
