//! Many customers at once: how much the shop takes in, and settles.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::gateway::{Connection, Watch};

/// Without a single FINISHED for this long, the rest will not come.
const STALLED: Duration = Duration::from_secs(20);

/// Customers who are ready to order.
pub(crate) struct Load {
    customers: Vec<(Connection, Watch)>,
}

/// What became of the orders.
#[derive(Default)]
pub(crate) struct Run {
    pub(crate) accepted: usize,
    /// From the first request to the last answer.
    pub(crate) accepting: Duration,
    /// How many the WebSockets showed as FINISHED.
    pub(crate) finished: usize,
    /// From the first request to the last FINISHED.
    pub(crate) finishing: Duration,
    /// How long each `POST /orders` took.
    pub(crate) answered: Vec<Duration>,
}

impl Load {
    /// One customer per connection, each with a WebSocket.
    pub(crate) async fn prepare(gateway: SocketAddr, connections: u16) -> Result<Self> {
        let mut customers = Vec::new();
        for _ in 0..connections {
            let connection = Connection::of_new_customer(gateway).await?;
            let watch = Watch::open(gateway, &connection.user).await?;
            customers.push((connection, watch));
        }
        Ok(Self { customers })
    }

    /// Places this many orders, as fast as they are answered, and waits until
    /// all are FINISHED.
    pub(crate) async fn run(self, orders: usize) -> Result<Run> {
        let mut run = Run::default();
        let placed = Arc::new(AtomicUsize::new(0));
        let (count, mut finished) = watch::channel(0_usize);
        let mut posting = JoinSet::new();
        let mut watching = JoinSet::new();
        let begun = Instant::now();
        for (connection, watch) in self.customers {
            posting.spawn(post(connection, Arc::clone(&placed), orders));
            watching.spawn(count_finished(watch, count.clone()));
        }

        while let Some(ended) = posting.join_next().await {
            run.answered.extend(ended??);
        }
        run.accepting = begun.elapsed();
        run.accepted = run.answered.len();

        loop {
            run.finished = *finished.borrow_and_update();
            if run.finished >= run.accepted {
                run.finishing = begun.elapsed();
                return Ok(run);
            }
            run.finishing = begun.elapsed();
            tokio::select! {
                changed = timeout(STALLED, finished.changed()) => match changed {
                    Ok(changed) => changed?,
                    // What is missing is reported, not hidden behind an error.
                    Err(_) => return Ok(run),
                },
                Some(ended) = watching.join_next() => ended??,
            }
        }
    }
}

/// Orders until all customers together have placed `orders`.
async fn post(
    mut connection: Connection,
    placed: Arc<AtomicUsize>,
    orders: usize,
) -> Result<Vec<Duration>> {
    let mut answered = Vec::new();
    while placed.fetch_add(1, Ordering::Relaxed) < orders {
        let begun = Instant::now();
        connection.order().await?;
        answered.push(begun.elapsed());
    }
    Ok(answered)
}

/// Counts until it is aborted. A socket may repeat a state, so it counts
/// orders and not frames.
async fn count_finished(mut watch: Watch, count: watch::Sender<usize>) -> Result<()> {
    let mut seen = HashSet::new();
    loop {
        let settled = watch.settled().await?;
        ensure!(settled.paid, "{} was not paid", settled.order);
        if seen.insert(settled.order) {
            count.send_modify(|count| *count += 1);
        }
    }
}
