//! What every service does with HTTP. One binary, since each costs a link and
//! its size on disk; `access_log` needs a process of its own.

mod bad_input;
mod serving;
mod shell;
