//! Ports that stay free until their server has them.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

/// Below 32768, where Linux begins to take ports for outgoing connections: a
/// server that is stopped for a while must find its port free when it returns,
/// and a test run opens thousands of outgoing connections meanwhile.
const RANGE: std::ops::Range<u64> = 20_000..32_000;

/// A TCP port on which nothing listens.
///
/// Two callers are unlikely to be given the same one, not certain: the port is
/// theirs only once they listen on it.
///
/// # Errors
/// When a hundred ports in a row are taken.
pub fn free_port() -> Result<u16> {
    (0..100)
        .find_map(|_| {
            let offset = random() % (RANGE.end - RANGE.start);
            let port = u16::try_from(RANGE.start + offset).ok()?;
            // The wildcard address: Docker publishes ports there.
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).ok()?;
            Some(port)
        })
        .context("no free TCP port between 20000 and 32000")
}

/// A number that differs from call to call and from process to process.
#[must_use]
pub fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// A password for a server that lives for minutes.
#[must_use]
pub fn random_password() -> String {
    format!("{:016x}{:016x}", random(), random())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_can_be_listened_on_and_is_not_given_out_for_outgoing_connections() {
        let port = free_port().unwrap();

        assert!(port < 32_768);
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }

    #[test]
    fn passwords_differ() {
        assert_ne!(random_password(), random_password());
    }
}
