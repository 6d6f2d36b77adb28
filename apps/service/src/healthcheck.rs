//! What the subcommand `healthcheck` does, in an image without curl.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::settings::Probe;

const TIMEOUT: Duration = Duration::from_secs(3);

/// Asks the service that listens on `bind`; `Ok(true)` when it answers 200.
pub(crate) fn ask(bind: SocketAddr, probe: Probe) -> io::Result<bool> {
    let path = match probe {
        Probe::Ready => "/readyz",
        Probe::Live => "/livez",
    };
    let mut stream = TcpStream::connect_timeout(&reachable(bind), TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    // In one write: a server may answer, and close, after the first.
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut line = [0; 12];
    stream.read_exact(&mut line)?;
    Ok(&line == b"HTTP/1.1 200")
}

/// "All addresses" can be listened on, not connected to.
fn reachable(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, bind.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Answers one request with `answer`; gives back what was asked.
    fn asked(answer: &'static str, probe: Probe) -> (String, io::Result<bool>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });

        let result = ask(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)), probe);

        (server.join().unwrap(), result)
    }

    #[test]
    fn only_200_is_healthy() {
        let (request, healthy) = asked("HTTP/1.1 200 OK\r\n\r\n", Probe::Ready);
        assert!(request.starts_with("GET /readyz "), "{request}");
        assert!(healthy.unwrap());

        let (request, healthy) = asked("HTTP/1.1 503 Service Unavailable\r\n\r\n", Probe::Live);
        assert!(request.starts_with("GET /livez "), "{request}");
        assert!(!healthy.unwrap());

        assert!(asked("", Probe::Ready).1.is_err());
    }
}
