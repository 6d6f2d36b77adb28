//! Which instances of a service there are, and which of them to ask next.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Resolver;
use crate::metrics;

/// How often the name is looked up again.
const REFRESH: Duration = Duration::from_secs(1);
/// How long one look-up may take.
const LOOK_UP: Duration = Duration::from_secs(2);
/// How long an address that refused a connection is asked last.
const EJECTION: Duration = Duration::from_secs(2);

/// The addresses of one service, spread evenly, the dead ones last.
pub(crate) struct Addresses {
    upstream: &'static str,
    host: String,
    port: u16,
    resolver: Arc<dyn Resolver>,
    state: Mutex<State>,
    suspect: Notify,
}

#[derive(Default)]
struct State {
    found: Vec<SocketAddr>,
    ejected: HashMap<SocketAddr, Instant>,
    next: usize,
}

impl Addresses {
    pub(crate) fn new(
        upstream: &'static str,
        host: String,
        port: u16,
        resolver: Arc<dyn Resolver>,
    ) -> Self {
        Self {
            upstream,
            host,
            port,
            resolver,
            state: Mutex::default(),
            suspect: Notify::new(),
        }
    }

    /// The addresses in the order in which this request should try them.
    ///
    /// Each call begins one further (round robin); addresses that refused a
    /// connection lately come last instead of never, so that a service whose
    /// every instance was down for a moment is found again at once.
    pub(crate) async fn candidates(&self) -> io::Result<Vec<SocketAddr>> {
        if self.lock().found.is_empty() {
            self.refresh().await?;
        }
        let mut state = self.lock();
        let start = state.next;
        state.next = start.wrapping_add(1);
        let now = Instant::now();
        state.ejected.retain(|_, until| *until > now);
        let count = state.found.len();
        let mut order: Vec<SocketAddr> = (0..count)
            .map(|step| state.found[(start % count + step) % count])
            .collect();
        order.sort_by_key(|addr| state.ejected.contains_key(addr));
        Ok(order)
    }

    /// The address refused: ask the others first for a while, and look the name up again.
    pub(crate) fn refused(&self, addr: SocketAddr) {
        let newly = self
            .lock()
            .ejected
            .insert(addr, Instant::now() + EJECTION)
            .is_none();
        if newly {
            metrics::ejected(self.upstream);
            warn!(upstream = self.upstream, %addr, "an instance refuses connections; asking the others first");
        }
        self.suspect.notify_one();
    }

    /// Looks the name up until `shutdown`: every second, and soon after a refusal.
    pub(crate) async fn keep_fresh(&self, shutdown: CancellationToken) {
        if self
            .host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok()
        {
            // A literal address has nothing to look up.
            shutdown.cancelled().await;
            return;
        }
        let mut failing = false;
        loop {
            let looked_up = self.refresh().await;
            if let Err(error) = &looked_up
                && !failing
            {
                warn!(upstream = self.upstream, host = self.host, %error, "the name cannot be resolved; keeping the known addresses");
            }
            failing = looked_up.is_err();
            // The refusal shortens the wait but never below a tenth: a dead
            // service must not turn requests into look-ups.
            let suspect = async {
                tokio::time::sleep(REFRESH / 10).await;
                self.suspect.notified().await;
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(REFRESH) => {}
                () = suspect => {}
            }
        }
    }

    async fn refresh(&self) -> io::Result<()> {
        let host = self.host.trim_matches(['[', ']']);
        let mut found = timeout(LOOK_UP, self.resolver.resolve(host, self.port))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the look-up took too long"))??;
        if found.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the name has no addresses",
            ));
        }
        found.sort();
        found.dedup();
        let mut state = self.lock();
        if state.found != found {
            info!(upstream = self.upstream, addresses = ?found, "instances found");
            state.found = found;
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing between lock and unlock can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;

    struct Two;

    #[async_trait]
    impl Resolver for Two {
        async fn resolve(&self, _: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
            Ok(vec![
                ([127, 0, 0, 2], port).into(),
                ([127, 0, 0, 1], port).into(),
            ])
        }
    }

    fn addresses() -> Addresses {
        Addresses::new("orders", "orders".into(), 1, Arc::new(Two))
    }

    #[tokio::test]
    async fn requests_begin_with_each_address_in_turn() {
        let addresses = addresses();

        let first = addresses.candidates().await.unwrap();
        let second = addresses.candidates().await.unwrap();

        assert_eq!(first.len(), 2);
        assert_eq!(second, vec![first[1], first[0]]);
    }

    #[tokio::test]
    async fn an_address_that_refuses_is_tried_last() {
        let addresses = addresses();
        let dead: SocketAddr = ([127, 0, 0, 2], 1).into();
        addresses.candidates().await.unwrap();

        addresses.refused(dead);

        for _ in 0..4 {
            assert_eq!(addresses.candidates().await.unwrap()[1], dead);
        }
    }
}
