//! A TCP connection that counts as open until its last owner drops it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use metrics::{Gauge, gauge};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::framing::Framing;
use crate::metrics::CONNECTIONS;

/// A WebSocket outlives the HTTP connection that it began as: the stream moves
/// into the task that the handler spawned. What counts connections therefore
/// travels with the stream.
pub(crate) struct Connection {
    stream: TcpStream,
    framing: Arc<Framing>,
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
    ) -> Self {
        let gauge = gauge!(CONNECTIONS, "service" => service);
        gauge.increment(1.0);
        Self {
            stream,
            framing,
            gauge,
            _permit: permit,
            _tracked: tracked,
        }
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
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.framing.answering();
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
