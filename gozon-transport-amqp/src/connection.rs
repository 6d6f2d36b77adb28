//! One lapin connection: opened within a bound, closed within a bound.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::tcp::{AMQPUriTcpExt, AsyncTcpStream, OwnedTLSConfig, TLSConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::fault::Fault;

/// How to reach the broker.
pub(crate) struct Endpoint {
    pub(crate) uri: AMQPUri,
    pub(crate) ca_certificates: Option<String>,
    pub(crate) name: String,
    pub(crate) connect_timeout: Duration,
}

/// An open connection.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    socket: Socket,
}

/// A second handle of the connection's socket, to cut it when the connection
/// cannot be closed politely: lapin writes nothing on a blocked connection, not
/// even its close, and offers no other way to end it.
#[derive(Clone, Default)]
struct Socket(Arc<Mutex<Option<std::net::TcpStream>>>);

impl Socket {
    fn put(&self, socket: Option<std::net::TcpStream>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = socket;
    }

    fn cut(&self) {
        if let Some(socket) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            // An error means that it is no longer connected, as it should be.
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
    }
}

/// Cuts the socket unless the handshake got through: lapin's thread would wait
/// in it for ever, and no one else holds the connection yet.
struct CutUnlessOpen(Option<Socket>);

impl Drop for CutUnlessOpen {
    fn drop(&mut self) {
        if let Some(socket) = &self.0 {
            socket.cut();
        }
    }
}

/// Connects; gives up after the endpoint's timeout or when `stop` is cancelled.
/// `dials` counts lapin's threads that are still dialling.
pub(crate) async fn open(
    endpoint: &Endpoint,
    stop: &CancellationToken,
    dials: &TaskTracker,
) -> Result<Opened, Fault> {
    // Recovery stays off: lapin's own lost or wedged confirms in our
    // measurements. The supervisor rebuilds everything instead.
    let properties =
        ConnectionProperties::default().with_connection_name(endpoint.name.clone().into());
    let runtime = lapin::runtime::default_runtime()?;
    let socket = Socket::default();
    let mut guard = CutUnlessOpen(Some(socket.clone()));

    let tls = OwnedTLSConfig {
        identity: None,
        cert_chain: endpoint.ca_certificates.clone(),
    };
    let limit = endpoint.connect_timeout;
    let dial_stop = stop.clone();
    let dial_socket = socket.clone();
    let dial_token = Mutex::new(Some(dials.token()));
    let connecting = Connection::connector(
        endpoint.uri.clone(),
        runtime,
        // Runs on lapin's thread, outside the reach of our own timeout: without
        // a bound of its own it would dial a silent host for minutes.
        async move |uri: AMQPUri, runtime| {
            let _dialling = dial_token
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            let dial = async {
                let plain = AMQPUri {
                    scheme: AMQPScheme::AMQP,
                    ..uri.clone()
                };
                let stream = plain
                    .connect_with_config_async(TLSConfig::default(), &runtime)
                    .await?;
                if let AsyncTcpStream::Plain(tcp) = &stream {
                    dial_socket.put(second_handle(tcp.get_ref()));
                }
                match uri.scheme {
                    AMQPScheme::AMQP => Ok(stream),
                    AMQPScheme::AMQPS => stream.into_tls(&uri.authority.host, tls.as_ref()).await,
                }
            };
            let dialled = tokio::select! {
                biased;
                () = dial_stop.cancelled() => Err(std::io::ErrorKind::Interrupted.into()),
                dialled = timeout(limit, dial) => {
                    dialled.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
                }
            };
            dialled.map_err(lapin::Error::from)
        },
        properties,
    );
    let connection = tokio::select! {
        biased;
        () = stop.cancelled() => return Err(Fault::gone("the transport is closed")),
        connected = timeout(limit, connecting) => {
            connected.map_err(|_| Fault::gone(format!("no connection within {limit:?}")))??
        }
    };
    guard.0 = None;
    Ok(Opened { connection, socket })
}

#[cfg(unix)]
fn second_handle(tcp: &tokio::net::TcpStream) -> Option<std::net::TcpStream> {
    use std::os::fd::AsFd;

    tcp.as_fd()
        .try_clone_to_owned()
        .ok()
        .map(std::net::TcpStream::from)
}

#[cfg(not(unix))]
fn second_handle(_: &tokio::net::TcpStream) -> Option<std::net::TcpStream> {
    None
}

impl Opened {
    /// Closes politely within `limit`, else cuts the socket.
    pub(crate) async fn shut(&self, limit: Duration) {
        let status = self.connection.status();
        if status.connected() && !status.blocked() {
            let closing = self.connection.close(200, "OK".into());
            if matches!(timeout(limit, closing).await, Ok(Ok(()))) {
                return;
            }
        }
        self.socket.cut();
    }
}

/// Shuts the connection and waits, within `limit` each, until lapin's thread is
/// gone. That thread panics when it outlives the runtime with its connection
/// open.
pub(crate) async fn close(opened: Opened, limit: Duration) {
    opened.shut(limit).await;
    let Opened { connection, .. } = opened;
    let (gone, wait) = tokio::sync::oneshot::channel();
    // `run` joins the thread and so blocks; a thread of our own does not hold
    // up the end of the runtime, as a blocking task would.
    let join = std::thread::Builder::new()
        .name("gozon-amqp-close".to_owned())
        .spawn(move || {
            let _ = catch_unwind(AssertUnwindSafe(|| connection.run()));
            let _ = gone.send(());
        });
    if join.is_ok() {
        let _ = timeout(limit, wait).await;
    }
}
