//! The kit itself keeps what it promises to the stories.

mod clients;
mod own_servers;
mod processes;
mod waiting;
