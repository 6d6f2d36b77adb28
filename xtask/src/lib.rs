//! Throwaway PostgreSQL and RabbitMQ servers, from Docker or from what is
//! installed on the machine, and the tools of other ecosystems that stories run.
//!
//! The binary `xtask` starts one of each for a whole test run; the test kit
//! (`gozon-tests`) starts its own where a test stops or breaks a server. There
//! is deliberately little here beside the standard library, because everybody
//! who types `cargo xtask test` waits for it to compile first.

pub mod servers;
pub mod tools;
