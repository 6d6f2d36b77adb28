//! Is it up? Asked in the server's own protocol, because a port that accepts
//! connections proves nothing: Docker's proxy accepts them before the server
//! listens, and PostgreSQL accepts them while it still replays its log.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const ONE_TRY: Duration = Duration::from_secs(2);
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// Whether PostgreSQL on this loopback port lets a session begin: it answers a
/// [startup message] with an authentication request, not with an error.
///
/// [startup message]: https://www.postgresql.org/docs/current/protocol-message-formats.html
#[must_use]
pub fn postgres_answers(port: u16) -> bool {
    let mut startup = vec![];
    startup.extend_from_slice(&[0, 3, 0, 0]);
    startup.extend_from_slice(b"user\0postgres\0database\0postgres\0\0");
    let length = u32::try_from(startup.len() + 4).unwrap_or(u32::MAX);
    let mut hello = length.to_be_bytes().to_vec();
    hello.append(&mut startup);

    first_byte_answered(port, &hello) == Some(b'R')
}

/// Whether RabbitMQ on this loopback port begins an AMQP 0-9-1 connection: its
/// `connection.start` is a method frame, whose first byte is 1. RabbitMQ opens
/// this port last, when its users and its plugins are in place.
#[must_use]
pub fn rabbitmq_answers(port: u16) -> bool {
    first_byte_answered(port, b"AMQP\0\0\x09\x01") == Some(1)
}

/// Asks until the answer is yes. `alive` is asked in between: it ends the
/// waiting with an error when the server is gone for good.
///
/// # Errors
/// When `bound` has passed, naming `what`, or as `alive` says.
pub fn wait_until(
    bound: Duration,
    what: &str,
    mut answers: impl FnMut() -> bool,
    mut alive: impl FnMut() -> Result<()>,
) -> Result<()> {
    let start = Instant::now();
    while !answers() {
        alive()?;
        if start.elapsed() > bound {
            bail!("{what} did not answer within {} s", bound.as_secs());
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
    Ok(())
}

fn first_byte_answered(port: u16, hello: &[u8]) -> Option<u8> {
    let mut stream =
        TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), ONE_TRY).ok()?;
    stream.set_read_timeout(Some(ONE_TRY)).ok()?;
    stream.write_all(hello).ok()?;
    let mut byte = [0];
    stream.read_exact(&mut byte).ok()?;
    Some(byte[0])
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn server_that_answers(answer: &'static [u8]) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut hello = [0; 8];
            stream.read_exact(&mut hello).unwrap();
            stream.write_all(answer).unwrap();
        });
        port
    }

    #[test]
    fn postgres_that_refuses_sessions_while_it_recovers_is_not_up() {
        assert!(!postgres_answers(server_that_answers(b"E\0\0\0\x08")));
        assert!(postgres_answers(server_that_answers(b"R\0\0\0\x08")));
    }

    #[test]
    fn a_port_that_only_accepts_is_not_up() {
        assert!(!rabbitmq_answers(server_that_answers(b"")));
        assert!(rabbitmq_answers(server_that_answers(b"\x01\0\0")));
    }

    #[test]
    fn waiting_ends_when_its_bound_has_passed() {
        let error = wait_until(Duration::ZERO, "the server", || false, || Ok(())).unwrap_err();

        assert!(error.to_string().contains("the server did not answer"));
    }

    #[test]
    fn waiting_ends_at_once_when_the_server_is_gone() {
        let gone = || bail!("it exited");

        let error = wait_until(Duration::from_secs(60), "it", || false, gone).unwrap_err();

        assert_eq!(error.to_string(), "it exited");
    }
}
