//! Clients as the world has them: HTTP, bytes on a socket, WebSocket.

mod answer;
mod client;
mod raw;
mod websocket;

pub use self::answer::Answer;
pub use self::client::Client;
pub use self::raw::raw;
pub use self::websocket::Socket;

use std::time::Duration;

/// No answer takes longer, so that a test that waits in vain says where.
const BOUND: Duration = Duration::from_secs(30);
