//! A link to a server that can fall silent: nothing passes any more, and
//! nothing ends, as when a cable is pulled or the server's machine hangs.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Forwards bytes until it is silenced or dropped.
pub(crate) struct Link {
    address: SocketAddr,
    silent: watch::Sender<bool>,
    _task: AbortOnDropHandle<()>,
}

impl Link {
    /// A link to the server that `url` names.
    pub(crate) async fn to(url: &str) -> Result<Self> {
        let server = host_of(url)?.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let silent = watch::channel(false).0;
        let shared = silent.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, silent) = (server.clone(), shared.subscribe());
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(server).await else {
                        return;
                    };
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::select! {
                        _ = pass(from_client, to_server, silent.clone()) => {}
                        _ = pass(from_server, to_client, silent) => {}
                    }
                });
            }
        });
        Ok(Self {
            address,
            silent,
            _task: AbortOnDropHandle::new(task),
        })
    }

    /// The server's URL by way of this link.
    pub(crate) fn url(&self, url: &str) -> Result<String> {
        Ok(url.replacen(host_of(url)?, &self.address.to_string(), 1))
    }

    /// From now on nothing passes in either direction, and nothing ends.
    pub(crate) fn fall_silent(&self) {
        self.silent.send_replace(true);
    }
}

fn host_of(url: &str) -> Result<&str> {
    let after_user = url.rsplit_once('@').context("a URL with a user")?.1;
    Ok(after_user
        .split_once(['/', '?'])
        .map_or(after_user, |(host, _)| host))
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut silent: watch::Receiver<bool>,
) -> Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        silent.wait_for(|silent| !silent).await?;
        if read == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..read]).await?;
    }
}
