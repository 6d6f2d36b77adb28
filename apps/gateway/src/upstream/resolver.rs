//! From a name to addresses.

use std::io;
use std::net::SocketAddr;

use async_trait::async_trait;

/// Finds the addresses behind a host name. Called about once a second.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// All addresses, in any order. An error keeps the addresses known so far.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The operating system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}
