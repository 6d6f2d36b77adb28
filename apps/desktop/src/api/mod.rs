//! The shop's HTTP API.

mod client;
mod failure;
mod server;
mod wire;

pub(crate) use self::client::Client;
pub(crate) use self::failure::Failure;
#[cfg(test)]
pub(crate) use self::failure::{FieldError, Problem};
pub(crate) use self::server::Server;
pub(crate) use self::wire::{Balance, Frame, Order, OrderPage, Reason, Status, StatusFrame};
