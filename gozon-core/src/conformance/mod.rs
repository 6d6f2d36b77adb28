//! The suites that adapters must pass.
