//! REST through the gateway.

mod framing;
mod headers;
mod passing;
mod services;

const USER: &str = "X-User-Id: alice";
