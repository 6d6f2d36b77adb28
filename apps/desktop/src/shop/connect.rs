use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::Request;
use tungstenite::http::HeaderValue;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{HandshakeError, WebSocket};

use super::stop::{Stop, Stopped};
use crate::api::Server;
use crate::user::UserId;

/// How long one address may take to answer.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the other side may be silent before the snapshot is complete, and
/// how long a pong may take to leave.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may be silent then. It asks for a pong every 20 s.
const SILENCE: Duration = Duration::from_secs(50);
/// A frame has about 200 bytes.
const LARGEST_MESSAGE: usize = 64 * 1024;

/// An open WebSocket.
pub(super) type Socket = WebSocket<MaybeTlsStream<TcpStream>>;

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum NoConnection {
    /// It is not wanted any more.
    Stopped,
    /// It failed; another attempt may not.
    Failed,
}

impl From<Stopped> for NoConnection {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// Connects to the live line of `user`.
pub(super) fn connect(server: &Server, user: &UserId, stop: &Stop) -> Result<Socket, NoConnection> {
    let request = request(server, user)?;
    let stream = dial(&request).map_err(failed)?;
    stop.reads_from(stream.try_clone().map_err(failed)?)?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(LARGEST_MESSAGE))
        .max_frame_size(Some(LARGEST_MESSAGE));
    match tungstenite::client_tls_with_config(request, stream, Some(config), None) {
        Ok((socket, _)) => Ok(socket),
        Err(HandshakeError::Failure(_) | HandshakeError::Interrupted(_)) => {
            Err(NoConnection::Failed)
        }
    }
}

/// The snapshot is complete: from now on there may be nothing to say for long.
pub(super) fn allow_silence(socket: &Socket) -> io::Result<()> {
    match socket.get_ref() {
        MaybeTlsStream::Plain(stream) => stream.set_read_timeout(Some(SILENCE)),
        MaybeTlsStream::Rustls(stream) => stream.get_ref().set_read_timeout(Some(SILENCE)),
        // Not built in; the type cannot say so.
        _ => Ok(()),
    }
}

fn request(server: &Server, user: &UserId) -> Result<Request, NoConnection> {
    let url = server.websocket("/ws");
    let mut request = url.into_client_request().map_err(failed)?;
    let user = HeaderValue::from_str(user.as_str()).map_err(failed)?;
    request.headers_mut().insert("x-user-id", user);
    Ok(request)
}

fn dial(request: &Request) -> io::Result<TcpStream> {
    let uri = request.uri();
    let port = match (uri.port_u16(), uri.scheme_str()) {
        (Some(port), _) => port,
        (None, Some("wss")) => 443,
        (None, _) => 80,
    };
    // An IPv6 address stands in brackets in a URL, not in a socket address.
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    // The look-up has the system's own limit.
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn failed<E>(_: E) -> NoConnection {
    NoConnection::Failed
}
