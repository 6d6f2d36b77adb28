//! Our relay in many storms, in several threads. The seed of a storm that it
//! does not survive is printed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gozon_outbox::conformance::relay::{Relays, Stage, storms::storm};

/// So many storms in every run of the tests.
const STORMS: u64 = 120;
/// The first seed; another one from here tries what no run has tried yet:
/// `GOZON_STORM_SEED=1000 cargo test -p gozon-outbox --all-features storms`.
const FIRST: &str = "GOZON_STORM_SEED";

#[test]
fn our_relay_survives_storms() {
    survives(|| Arc::new(crate::ours), STORMS);
}

#[test]
fn our_relay_survives_storms_with_little_memory() {
    survives(|| Arc::new(crate::cramped(2)), STORMS / 2);
}

fn survives(relays: impl Fn() -> Arc<dyn Relays> + Sync, storms: u64) {
    let first = std::env::var(FIRST).map_or(0, |seed| seed.parse().unwrap());
    let next = AtomicU64::new(first);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + storms {
                        return;
                    }
                    crate::paused().block_on(storm(&Stage::new(relays()), seed));
                }
            });
        }
    });
}
