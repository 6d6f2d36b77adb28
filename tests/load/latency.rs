//! One order at a time: how long a single customer waits.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::time::timeout;

use crate::gateway::{Connection, Watch};

/// An order that takes longer will not come.
const BOUND: Duration = Duration::from_secs(60);

/// A customer who waits for each order before the next.
pub(crate) struct Single {
    connection: Connection,
    watch: Watch,
}

/// How long each order took, in the order of placing.
#[derive(Default)]
pub(crate) struct Singles {
    /// Until `POST /orders` was answered.
    pub(crate) answered: Vec<Duration>,
    /// Until the WebSocket said FINISHED, from the same start.
    pub(crate) finished: Vec<Duration>,
}

impl Single {
    pub(crate) async fn begin(gateway: SocketAddr) -> Result<Self> {
        let connection = Connection::of_new_customer(gateway).await?;
        let watch = Watch::open(gateway, &connection.user).await?;
        Ok(Self { connection, watch })
    }

    /// Places this many orders, each after the one before is FINISHED.
    pub(crate) async fn measure(&mut self, orders: usize) -> Result<Singles> {
        let mut singles = Singles::default();
        for _ in 0..orders {
            let begun = Instant::now();
            let order = self.connection.order().await?;
            singles.answered.push(begun.elapsed());
            let settled = async {
                loop {
                    let settled = self.watch.settled().await?;
                    if settled.order == order {
                        return anyhow::Ok(settled);
                    }
                }
            };
            let settled = timeout(BOUND, settled)
                .await
                .with_context(|| format!("{order} has not settled within {BOUND:?}"))??;
            singles.finished.push(begun.elapsed());
            ensure!(settled.paid, "{order} was not paid");
        }
        Ok(singles)
    }
}
