//! The gateway between a client and services: REST and WebSockets.

mod rest;
mod support;
mod websocket;
