//! The gateway between a client and services: REST and WebSockets.

mod page;
mod rest;
mod support;
mod websocket;
