//! A link to the broker that can be cut, and over which the broker seems to
//! raise its alarms.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio_util::task::AbortOnDropHandle;

/// Forwards AMQP frames until it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    broker_url: String,
    controls: Arc<Controls>,
    _task: AbortOnDropHandle<()>,
}

struct Controls {
    /// Frames to slip in between those of the broker.
    inject: broadcast::Sender<Vec<u8>>,
    cut: broadcast::Sender<()>,
    silent: watch::Sender<bool>,
    /// Nothing passes from clients to the broker.
    mute: watch::Sender<bool>,
    /// What the broker sends with these bytes in it reaches no client unharmed.
    spoilt: watch::Sender<Option<&'static str>>,
    /// The same for what clients send.
    careless: watch::Sender<Option<&'static str>>,
    connections: AtomicUsize,
}

impl Proxy {
    pub(crate) async fn before(broker_url: &str) -> Result<Self> {
        let broker = address(broker_url)?.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let controls = Arc::new(Controls {
            inject: broadcast::channel(64).0,
            cut: broadcast::channel(64).0,
            silent: watch::channel(false).0,
            mute: watch::channel(false).0,
            spoilt: watch::channel(None).0,
            careless: watch::channel(None).0,
            connections: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&controls);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let (broker, controls) = (broker.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(broker).await {
                        forward(client, server, &controls).await;
                    }
                });
            }
        });
        Ok(Self {
            address,
            broker_url: broker_url.to_owned(),
            controls,
            _task: AbortOnDropHandle::new(task),
        })
    }

    /// The broker's URL, by way of this proxy.
    pub(crate) fn url(&self) -> Result<String> {
        let broker = address(&self.broker_url)?;
        Ok(self.broker_url.replace(broker, &self.address.to_string()))
    }

    /// Ends every connection, without a word.
    pub(crate) fn cut(&self) {
        let _ = self.controls.cut.send(());
    }

    /// From now on nothing passes in either direction, but nothing ends.
    pub(crate) fn silence(&self) {
        self.controls.silent.send_replace(true);
    }

    pub(crate) fn speak_again(&self) {
        self.controls.silent.send_replace(false);
    }

    /// From now on the broker hears nothing, and clients hear all.
    pub(crate) fn mute(&self) {
        self.controls.mute.send_replace(true);
    }

    pub(crate) fn unmute(&self) {
        self.controls.mute.send_replace(false);
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.controls.connections.load(Ordering::Relaxed)
    }

    /// Makes this text, wherever the broker sends it, into something that is no
    /// UTF-8: what a careless producer wrote as a header's name.
    pub(crate) fn spoil(&self, text: &'static str) {
        self.controls.spoilt.send_replace(Some(text));
    }

    /// From now on everything passes as it was sent.
    pub(crate) fn spoil_no_more(&self) {
        self.controls.spoilt.send_replace(None);
    }

    /// As [`Proxy::spoil`], on the way to the broker, which takes and keeps it.
    pub(crate) fn send_spoilt(&self, text: &'static str) {
        self.controls.careless.send_replace(Some(text));
    }

    /// `connection.blocked` on every connection, as for a memory alarm.
    pub(crate) fn block(&self) {
        let reason = b"low on memory";
        let mut payload = vec![0, 10, 0, 60, 13];
        payload.extend_from_slice(reason);
        let _ = self.controls.inject.send(method_frame(&payload));
    }

    /// `connection.unblocked` on every connection.
    pub(crate) fn unblock(&self) {
        let _ = self.controls.inject.send(method_frame(&[0, 10, 0, 61]));
    }
}

fn address(url: &str) -> Result<&str> {
    let after_user = url.rsplit_once('@').context("a URL with a user")?.1;
    Ok(after_user
        .split_once('/')
        .map_or(after_user, |(address, _)| address))
}

/// A method frame on channel 0, with a payload of less than 256 bytes.
fn method_frame(payload: &[u8]) -> Vec<u8> {
    let size = u8::try_from(payload.len()).unwrap_or(u8::MAX);
    let mut frame = vec![1, 0, 0, 0, 0, 0, size];
    frame.extend_from_slice(payload);
    frame.push(0xCE);
    frame
}

async fn forward(client: TcpStream, server: TcpStream, controls: &Controls) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut cut = controls.cut.subscribe();
    tokio::select! {
        // First, so that what is held back does not slip out before it.
        biased;
        _ = cut.recv() => {}
        _ = upstream(from_client, to_server, controls) => {}
        _ = downstream(from_server, to_client, controls) => {}
    }
}

async fn upstream(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    controls: &Controls,
) -> Result<()> {
    let mut silent = controls.silent.subscribe();
    let mut mute = controls.mute.subscribe();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        silent.wait_for(|silent| !silent).await?;
        mute.wait_for(|mute| !mute).await?;
        if read == 0 {
            return Ok(());
        }
        spoil(&mut buffer[..read], *controls.careless.borrow());
        to.write_all(&buffer[..read]).await?;
    }
}

/// Frame by frame, so that others fit in between.
async fn downstream(
    from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    controls: &Controls,
) -> Result<()> {
    let mut inject = controls.inject.subscribe();
    let mut silent = controls.silent.subscribe();
    let (frames, mut next) = tokio::sync::mpsc::channel(64);
    let reader = tokio::spawn(async move {
        let mut from = from;
        while let Ok(frame) = read_frame(&mut from).await {
            if frames.send(frame).await.is_err() {
                break;
            }
        }
    });
    let _reader = AbortOnDropHandle::new(reader);
    loop {
        let mut frame = tokio::select! {
            injected = inject.recv() => injected?,
            frame = next.recv() => frame.context("the broker closed")?,
        };
        silent.wait_for(|silent| !silent).await?;
        spoil(&mut frame, *controls.spoilt.borrow());
        to.write_all(&frame).await?;
    }
}

fn spoil(bytes: &mut [u8], text: Option<&'static str>) {
    let Some(text) = text else { return };
    let found = bytes
        .windows(text.len())
        .position(|at| at == text.as_bytes());
    if let Some(at) = found {
        bytes[at..at + text.len()].fill(0xFF);
    }
}

async fn read_frame(from: &mut OwnedReadHalf) -> Result<Vec<u8>> {
    let mut frame = vec![0; 7];
    from.read_exact(&mut frame).await?;
    let size = u32::from_be_bytes([frame[3], frame[4], frame[5], frame[6]]);
    let end = frame.len() + usize::try_from(size)? + 1;
    frame.resize(end, 0);
    from.read_exact(&mut frame[7..]).await?;
    Ok(frame)
}
