//! Two upgraded connections joined into one WebSocket.
//!
//! Bytes pass unread, one bounded buffer per direction, so a peer that does not
//! read stops the peer that writes. The splice follows only the lengths of the
//! frames: it must know where a frame ends, in order to say `1001 going away`
//! between two frames instead of cutting one in half.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::frames::Frames;
use crate::limits::Limits;

/// Bytes under way in one direction. Every open WebSocket has two of these for
/// as long as it lives, and its frames are smaller.
const BUFFER: usize = 4 * 1024;
/// How long the second direction may go on when the first has ended, and how
/// long goodbyes may take.
const LINGER: Duration = Duration::from_secs(1);

/// `1001 going away`, from a server to a client.
const GOING_AWAY: [u8; 4] = [0x88, 0x02, 0x03, 0xE9];
/// The same from a client to a server: masked, as the protocol demands, with zeros.
const GOING_AWAY_MASKED: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE9];

/// Why a WebSocket ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// One of the two peers closed it, or stopped reading.
    Peer,
    /// Neither said anything for too long.
    Idle,
    /// It had lived long enough.
    Lifetime,
    /// The gateway is stopping.
    Shutdown,
}

impl Ended {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Idle => "idle",
            Self::Lifetime => "lifetime",
            Self::Shutdown => "shutdown",
        }
    }
}

/// Joins `client` and `service` until one of them, a limit or `shutdown` ends it.
pub(crate) async fn splice(
    client: impl AsyncRead + AsyncWrite + Send,
    service: impl AsyncRead + AsyncWrite + Send,
    limits: &Limits,
    shutdown: &CancellationToken,
) -> Ended {
    let (client_read, client_write) = tokio::io::split(client);
    let (service_read, service_write) = tokio::io::split(service);
    let pulse = Pulse::new();
    let stop = CancellationToken::new();
    let ended = CancellationToken::new();
    let direction = Direction {
        pulse: &pulse,
        stop: &stop,
        ended: &ended,
        write_timeout: limits.websocket_write_timeout,
    };
    let both = async {
        tokio::join!(
            direction.pump(service_read, client_write, &GOING_AWAY),
            direction.pump(client_read, service_write, &GOING_AWAY_MASKED),
        )
    };
    tokio::pin!(both);

    let reason = tokio::select! {
        _ = &mut both => return Ended::Peer,
        () = shutdown.cancelled() => Ended::Shutdown,
        () = tokio::time::sleep(limits.websocket_lifetime) => Ended::Lifetime,
        () = pulse.silent_for(limits.websocket_idle) => Ended::Idle,
        () = ended.cancelled() => Ended::Peer,
    };
    // When a peer has ended, the other hears of it by the pumps' own doing.
    if reason != Ended::Peer {
        stop.cancel();
    }
    // What does not end now is cut when the halves are dropped.
    let _ = timeout(LINGER, both).await;
    reason
}

struct Direction<'a> {
    pulse: &'a Pulse,
    stop: &'a CancellationToken,
    ended: &'a CancellationToken,
    write_timeout: Duration,
}

impl Direction<'_> {
    async fn pump(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        goodbye: &[u8],
    ) {
        let _ended = self.ended.clone().drop_guard();
        let mut frames = Frames::default();
        let mut buffer = vec![0; BUFFER];
        let listens = loop {
            let read = tokio::select! {
                biased;
                () = self.stop.cancelled(), if frames.between() => break true,
                read = from.read(&mut buffer) => read,
            };
            let Ok(read @ 1..) = read else { break true };
            self.pulse.beat();
            frames.pass(&buffer[..read]);
            if !self.write(&mut to, &buffer[..read]).await {
                break false;
            }
        };
        // Whoever vanished without a word gets one said for it, so that a client
        // knows to come again.
        if listens && frames.between() && !frames.closed() {
            let _ = timeout(LINGER, self.write(&mut to, goodbye)).await;
        }
        let _ = timeout(LINGER, to.shutdown()).await;
        if self.stop.is_cancelled() {
            // The other side may still be writing; what is left unread when we
            // close would turn our goodbye into a reset.
            while let Ok(1..) = from.read(&mut buffer).await {}
        }
    }

    /// `false` when the peer is gone or does not read.
    async fn write(&self, to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> bool {
        let written = async {
            to.write_all(bytes).await?;
            to.flush().await
        };
        matches!(timeout(self.write_timeout, written).await, Ok(Ok(())))
    }
}

/// When the last byte passed, in either direction.
struct Pulse(Mutex<Instant>);

impl Pulse {
    fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn silent_for(&self, limit: Duration) {
        loop {
            let until = self.last() + limit;
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }
}
