//! A TCP connection that counts as open until its last owner drops it, and
//! whose client must take its answers.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use metrics::{Gauge, gauge};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Sleep, sleep};
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::debug;

use crate::framing::Framing;
use crate::metrics::CONNECTIONS;

/// A WebSocket outlives the HTTP connection that it began as: the stream moves
/// into the task that the handler spawned. What counts connections therefore
/// travels with the stream.
pub(crate) struct Connection {
    stream: TcpStream,
    framing: Arc<Framing>,
    write_timeout: Duration,
    /// Runs while the client takes nothing of what is written.
    stuck: Option<Pin<Box<Sleep>>>,
    /// The `101` has been written, and what comes has rules of its own.
    handed_over: bool,
    gauge: Gauge,
    _permit: OwnedSemaphorePermit,
    _tracked: TaskTrackerToken,
}

impl Connection {
    pub(crate) fn new(
        stream: TcpStream,
        service: &'static str,
        permit: OwnedSemaphorePermit,
        tracked: TaskTrackerToken,
        framing: Arc<Framing>,
        write_timeout: Duration,
    ) -> Self {
        let gauge = gauge!(CONNECTIONS, "service" => service);
        gauge.increment(1.0);
        Self {
            stream,
            framing,
            write_timeout,
            stuck: None,
            handed_over: false,
            gauge,
            _permit: permit,
            _tracked: tracked,
        }
    }

    /// Bounds how long a write may make no progress. hyper has no such limit:
    /// once its buffer is full it polls the answer's body no more, so no timer in
    /// there would run, and whatever the answer holds would be held for ever.
    fn in_time<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stuck = None;
            return written;
        }
        if self.handed_over {
            return Poll::Pending;
        }
        let limit = self.write_timeout;
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stuck.as_mut().poll(cx));
        debug!("a client does not take its answer");
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.gauge.decrement(1.0);
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if polled.is_ready() {
            self.framing.received(&buf.filled()[before..]);
        }
        polled
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.framing.answering();
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.in_time(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.framing.answering();
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.in_time(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        // hyper flushes only what it has written, so this says that nothing of
        // HTTP is left; before it, a client could hide behind its handshake.
        if matches!(flushed, Poll::Ready(Ok(()))) && self.framing.is_upgraded() {
            self.handed_over = true;
        }
        self.in_time(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
