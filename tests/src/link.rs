//! A link to a server, with the faults of a network: it can fall silent, speak
//! again, and lose the answer to a COMMIT.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Forwards bytes until it is silenced or dropped.
pub struct Link {
    address: SocketAddr,
    silent: watch::Sender<bool>,
    thief: Arc<Thief>,
    _task: AbortOnDropHandle<()>,
}

/// Waits for a transaction whose answer it will keep.
#[derive(Default)]
struct Thief {
    /// Said by a client in the transaction whose COMMIT is meant.
    awaited: Mutex<Option<Vec<u8>>>,
    taken: AtomicUsize,
}

/// What one connection is in the middle of.
#[derive(Default)]
struct Course {
    /// The awaited words were said in the transaction that is open.
    meant: AtomicBool,
    /// Its COMMIT was forwarded: the answer is not to arrive.
    doomed: AtomicBool,
}

impl Link {
    /// A link to the server that `url` names.
    ///
    /// # Errors
    /// When the URL names no user and host.
    pub async fn to(url: &str) -> Result<Self> {
        let server = host_of(url)?.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let silent = watch::channel(false).0;
        let thief = Arc::<Thief>::default();
        let shared = (silent.clone(), Arc::clone(&thief));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, silent) = (server.clone(), shared.0.subscribe());
                let thief = Arc::clone(&shared.1);
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(server).await else {
                        return;
                    };
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    let course = Course::default();
                    let asked = |bytes: &[u8]| thief.asked(&course, bytes);
                    let answered = |bytes: &[u8]| thief.answered(&course, bytes);
                    tokio::select! {
                        _ = pass(from_client, to_server, silent.clone(), asked) => {}
                        _ = pass(from_server, to_client, silent, answered) => {}
                    }
                });
            }
        });
        Ok(Self {
            address,
            silent,
            thief,
            _task: AbortOnDropHandle::new(task),
        })
    }

    /// The server's URL by way of this link.
    ///
    /// # Errors
    /// When the URL names no user and host.
    pub fn url(&self, url: &str) -> Result<String> {
        Ok(url.replacen(host_of(url)?, &self.address.to_string(), 1))
    }

    /// From now on nothing passes in either direction, and nothing ends, as when
    /// a cable is pulled or the server's machine hangs.
    pub fn fall_silent(&self) {
        self.silent.send_replace(true);
    }

    /// What was held back passes, and what comes from now on.
    pub fn speak_again(&self) {
        self.silent.send_replace(false);
    }

    /// The next transaction in which a client says `words` is committed, but
    /// its connection ends instead of saying so. Once.
    pub fn lose_the_commit_of(&self, words: &str) {
        *self.thief.awaited() = Some(words.as_bytes().to_vec());
    }

    /// How many answers to a COMMIT were lost so far.
    #[must_use]
    pub fn lost_commits(&self) -> usize {
        self.thief.taken.load(Ordering::SeqCst)
    }
}

impl Thief {
    fn awaited(&self) -> std::sync::MutexGuard<'_, Option<Vec<u8>>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the client's bytes may pass: always.
    fn asked(&self, course: &Course, bytes: &[u8]) -> bool {
        let mut awaited = self.awaited();
        if awaited.as_ref().is_some_and(|words| has(bytes, words)) {
            course.meant.store(true, Ordering::SeqCst);
        }
        // One that was meant and rolled back is none any more.
        if has(bytes, b"ROLLBACK") {
            course.meant.store(false, Ordering::SeqCst);
        }
        if has(bytes, b"COMMIT") && course.meant.swap(false, Ordering::SeqCst) {
            // Only the first of several that said it.
            course
                .doomed
                .store(awaited.take().is_some(), Ordering::SeqCst);
        }
        true
    }

    /// Whether the server's bytes may pass.
    fn answered(&self, course: &Course, bytes: &[u8]) -> bool {
        let lost = course.doomed.load(Ordering::SeqCst) && has(bytes, b"COMMIT");
        if lost {
            self.taken.fetch_add(1, Ordering::SeqCst);
        }
        !lost
    }
}

fn has(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|part| part == words)
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
    may: impl Fn(&[u8]) -> bool,
) -> Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        silent.wait_for(|silent| !silent).await?;
        if read == 0 || !may(&buffer[..read]) {
            return Ok(());
        }
        to.write_all(&buffer[..read]).await?;
    }
}
