//! A client's WebSocket: the snapshot first, then each change, versions never
//! going back.

mod frame;
mod seen;
#[cfg(test)]
mod slow_client;

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use gozon_sqlx::DbError;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use self::frame::Frame;
use self::seen::Seen;
use crate::order::Order;
use crate::snapshot::{Missed, Snapshot};
use crate::watch::{Update, Watch};

/// How often a silent client is asked whether it still lives.
const PING: Duration = Duration::from_secs(20);
/// A client that sends nothing, not even a pong, for this long is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// How long one frame may take to leave.
const WRITE: Duration = Duration::from_secs(10);
/// The largest message that a client may send. None is needed.
pub(crate) const MAX_MESSAGE: usize = 64 * 1024;
/// Bytes that are kept to read into, for each socket. A longer message takes
/// more reads.
pub(crate) const READ_BUFFER: usize = 4 * 1024;

/// What ended a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The client left, or its connection broke.
    Gone,
    /// The client must be told to leave, with this code and reason.
    Close(u16, &'static str),
}

/// One conversation: what to show and where changes come from.
pub(crate) struct Conversation {
    /// Where changes come from; opened before the snapshot is read.
    pub watch: Watch,
    /// Reads the state, now and after every interruption.
    pub snapshot: Snapshot,
    /// Ends the conversation politely.
    pub closed: CancellationToken,
}

impl Conversation {
    /// Talks until the client leaves, is too slow, or the service stops.
    pub(crate) async fn run(mut self, mut socket: WebSocket) {
        let end = match self.talk(&mut socket).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        if let End::Close(code, reason) = end {
            let close = Message::Close(Some(CloseFrame {
                code,
                reason: Utf8Bytes::from_static(reason),
            }));
            // The client may be gone already; then there is no one to tell.
            let _ = timeout(WRITE, socket.send(close)).await;
        }
    }

    async fn talk(&mut self, socket: &mut WebSocket) -> Result<std::convert::Infallible, End> {
        let mut seen = Seen::default();
        self.show_all(socket, &mut seen).await?;
        if self.snapshot.is_list() {
            send(socket, Frame::Ready.text()?).await?;
        }
        let mut ping = interval_at(Instant::now() + PING, PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                () = self.closed.cancelled() => {
                    return Err(End::Close(close_code::AWAY, "the service is stopping; connect again"));
                }
                update = self.watch.next() => match update {
                    Some(Update::Changed(change)) => {
                        if seen.is_news(change.order_id, change.version, change.status) {
                            send(socket, Frame::changed(&change).text()?).await?;
                        }
                    }
                    Some(Update::Resync) => self.show_missed(socket, &mut seen).await?,
                    None => return Err(End::Close(close_code::POLICY, "the client reads too slowly")),
                },
                message = socket.recv() => {
                    heard = Instant::now();
                    match message {
                        // Nothing is expected from the client; pongs and
                        // close frames are answered below us.
                        Some(Ok(Message::Close(_))) | None => return Err(End::Gone),
                        Some(Ok(_)) => {}
                        Some(Err(error)) => return Err(refusal(&error)),
                    }
                }
                _ = ping.tick() => {
                    if heard.elapsed() > SILENCE {
                        return Err(End::Gone);
                    }
                    send_message(socket, Message::Ping(bytes::Bytes::new())).await?;
                }
            }
        }
    }

    async fn show_all(&mut self, socket: &mut WebSocket, seen: &mut Seen) -> Result<(), End> {
        let orders = self.snapshot.read().await.map_err(unread)?;
        self.show(socket, seen, &orders).await
    }

    /// After an interruption: what was promised may have been missed.
    async fn show_missed(&mut self, socket: &mut WebSocket, seen: &mut Seen) -> Result<(), End> {
        let missed = self.snapshot.read_again(&seen.unsettled()).await;
        match missed.map_err(unread)? {
            Missed::Orders(orders) => self.show(socket, seen, &orders).await,
            Missed::TooMany => {
                let reason = "too many changes may have been missed; connect again";
                Err(End::Close(close_code::AGAIN, reason))
            }
        }
    }

    async fn show(
        &self,
        socket: &mut WebSocket,
        seen: &mut Seen,
        orders: &[Order],
    ) -> Result<(), End> {
        for order in orders {
            if seen.is_news(order.id, order.version, order.status) {
                send(socket, Frame::changed(&order.status_changed()).text()?).await?;
            }
        }
        Ok(())
    }
}

fn unread(error: DbError) -> End {
    tracing::warn!(%error, "a socket's orders could not be read");
    End::Close(close_code::AGAIN, "try again")
}

/// A message over the limit is answered with 1009; other read errors mean that
/// the connection is broken.
fn refusal(error: &axum::Error) -> End {
    let too_big = std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<tungstenite::Error>())
        .is_some_and(|error| matches!(error, tungstenite::Error::Capacity(_)));
    if too_big {
        End::Close(close_code::SIZE, "messages may have 64 KiB at most")
    } else {
        End::Gone
    }
}

async fn send(socket: &mut WebSocket, text: String) -> Result<(), End> {
    send_message(socket, Message::text(text)).await
}

async fn send_message(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match timeout(WRITE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(End::Gone),
    }
}
