//! Waking relays in other processes, over a connection of its own.
//!
//! A hint and nothing more: relays poll, and miss nothing without it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gozon_sqlx::DbError;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::local::Local;
use crate::metrics;

/// The shortest time between two signals: a hundred a second, each for all
/// that was committed since the one before.
const PACE: Duration = Duration::from_millis(10);
/// How often a silent connection is asked whether it still lives.
const CHECK_EVERY: Duration = Duration::from_secs(30);
/// How long one statement on it may take.
const LIMIT: Duration = Duration::from_secs(5);
/// The longest pause before the connection is built again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Where a side connection comes from.
///
/// Signals are hints: whoever hears none polls. So nothing is lost by an error;
/// the caller connects again after a pause. Each call but [`Signal::heard`], which
/// waits for as long as nobody says anything, is given up after 5 s and its
/// connection dropped, which closes it. Safe to call from many tasks at once.
#[async_trait]
pub trait Signals: Send + Sync {
    /// Opens a connection that belongs to no pool and listens from now on.
    async fn connect(&self) -> Result<Box<dyn Signal>, DbError>;
}

/// A side connection between the processes that share an outbox. Used by one task,
/// one call at a time; never within anybody's transaction. Dropping it closes it.
/// After an error it is not used again.
#[async_trait]
pub trait Signal: Send {
    /// Tells every process that these partitions have new messages; with none,
    /// that something was decided about dead letters.
    async fn send(&mut self, partitions: &[i32]) -> Result<(), DbError>;

    /// What some process said. `None`: the connection was lost and is there
    /// again; something may have been missed. Safe to drop and call again.
    async fn heard(&mut self) -> Result<Option<Vec<i32>>, DbError>;

    /// Proves that the connection lives.
    async fn check(&mut self) -> Result<(), DbError>;
}

/// Listens and sends until `shutdown`; builds the connection again when it is lost.
pub(crate) async fn run(signals: Arc<dyn Signals>, local: Arc<Local>, shutdown: CancellationToken) {
    let mut failures = 0_u32;
    while !shutdown.is_cancelled() {
        let began = Instant::now();
        let ended = tokio::select! {
            ended = one_connection(signals.as_ref(), &local) => ended,
            () = shutdown.cancelled() => return,
        };
        metrics::signal("failed");
        // What held for a while is a new outage.
        failures = match began.elapsed() > CHECK_EVERY {
            true => 1,
            false => failures.saturating_add(1),
        };
        match failures {
            1 => warn!(
                error = %ended,
                "no signals between relays; they poll, and the connection is built again"
            ),
            _ => debug!(error = %ended, "still no signals between relays"),
        }
        let pause = Duration::from_millis(100).saturating_mul(1 << failures.min(10));
        tokio::select! {
            () = sleep(pause.min(LONGEST_PAUSE)) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Returns why it ended.
async fn one_connection(signals: &dyn Signals, local: &Local) -> DbError {
    let connecting = bounded(signals.connect()).await;
    let mut signal = match connecting {
        Ok(signal) => signal,
        Err(error) => return error,
    };
    info!("listening for signals of other processes");
    // What was said before we listened.
    local.heard(&[]);
    local.nudge().wake();
    let mut next_send = Instant::now();
    let mut next_check = Instant::now() + CHECK_EVERY;
    loop {
        let told = async {
            local.foreign_waiting().await;
            sleep_until(next_send).await;
        };
        let result = tokio::select! {
            heard = signal.heard() => heard.map(|heard| match heard {
                Some(partitions) => {
                    metrics::signal("heard");
                    local.heard(&partitions);
                }
                None => {
                    local.heard(&[]);
                    local.nudge().wake();
                }
            }),
            () = told => {
                next_send = Instant::now() + PACE;
                let partitions = local.take_foreign();
                let sent = bounded(signal.send(&partitions)).await;
                match sent {
                    Ok(()) => metrics::signal("sent"),
                    // Said over the next connection.
                    Err(_) => local.add_foreign(partitions),
                }
                sent
            }
            () = sleep_until(next_check) => {
                next_check = Instant::now() + CHECK_EVERY;
                bounded(signal.check()).await
            }
        };
        if let Err(error) = result {
            return error;
        }
    }
}

async fn bounded<T>(work: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
    match timeout(LIMIT, work).await {
        Ok(result) => result,
        Err(_) => Err(sqlx::Error::PoolTimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use gozon_core::{Envelope, MessageId, NewMessage};
    use tokio::sync::mpsc;

    use super::*;

    /// What was sent, and when.
    type Sent = Arc<Mutex<Vec<(Instant, Vec<i32>)>>>;

    /// Writes down what was sent; hears what it is told.
    struct Wire {
        sent: Sent,
        heard: Mutex<Option<mpsc::UnboundedReceiver<Vec<i32>>>>,
    }

    struct End {
        sent: Sent,
        heard: mpsc::UnboundedReceiver<Vec<i32>>,
    }

    #[async_trait]
    impl Signals for Wire {
        async fn connect(&self) -> Result<Box<dyn Signal>, DbError> {
            let heard = self.heard.lock().unwrap().take();
            Ok(Box::new(End {
                sent: self.sent.clone(),
                heard: heard.ok_or(sqlx::Error::PoolClosed)?,
            }))
        }
    }

    #[async_trait]
    impl Signal for End {
        async fn send(&mut self, partitions: &[i32]) -> Result<(), DbError> {
            let mut sent = self.sent.lock().unwrap();
            sent.push((Instant::now(), partitions.to_vec()));
            Ok(())
        }

        async fn heard(&mut self) -> Result<Option<Vec<i32>>, DbError> {
            match self.heard.recv().await {
                Some(heard) => Ok(Some(heard)),
                None => Err(sqlx::Error::PoolClosed.into()),
            }
        }

        async fn check(&mut self) -> Result<(), DbError> {
            Ok(())
        }
    }

    fn message(key: &str) -> NewMessage {
        NewMessage {
            envelope: Envelope {
                id: MessageId::generate(),
                source: "/test".to_owned(),
                kind: "probe".to_owned(),
                subject: None,
                time: time::OffsetDateTime::UNIX_EPOCH,
                content_type: "text/plain".to_owned(),
                schema: None,
                key: Some(key.to_owned()),
                correlation_id: None,
                causation_id: None,
                traceparent: None,
                tracestate: None,
                published_at: None,
                received_at: None,
                data: bytes::Bytes::new(),
            },
            delay: None,
        }
    }

    /// In paused time: it moves only when everybody waits.
    #[tokio::test(start_paused = true)]
    async fn many_commits_are_one_signal_and_at_most_a_hundred_a_second() {
        let local = Arc::new(Local::default());
        local.set_partitions(64);
        local.set_owned(vec![crate::key::partition_of("ours", 64)]);
        let sent = Arc::new(Mutex::new(Vec::new()));
        let (_say, heard) = mpsc::unbounded_channel();
        let wire = Wire {
            sent: sent.clone(),
            heard: Mutex::new(Some(heard)),
        };
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(run(Arc::new(wire), local.clone(), shutdown.clone()));

        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(1) {
            local.committed(&[message("ours"), message("order-1"), message("order-2")]);
            tokio::time::advance(Duration::from_millis(1)).await;
            tokio::task::yield_now().await;
        }
        shutdown.cancel();
        task.await.unwrap();

        let sent = sent.lock().unwrap();
        assert!((50..=101).contains(&sent.len()), "{} signals", sent.len());
        let pauses = sent.windows(2).map(|pair| pair[1].0 - pair[0].0);
        assert!(pauses.min().unwrap() >= PACE);
        assert!(sent.iter().all(|(_, partitions)| *partitions == [37, 43]));
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_is_ours_wakes_us() {
        let local = Arc::new(Local::default());
        local.set_partitions(64);
        local.set_owned(vec![1, 2]);
        let (say, heard) = mpsc::unbounded_channel();
        let wire = Wire {
            sent: Arc::default(),
            heard: Mutex::new(Some(heard)),
        };
        let task = tokio::spawn(run(Arc::new(wire), local.clone(), CancellationToken::new()));
        // It begins with a look at everything.
        local.nudge().woken().await;
        assert!(local.take_decided());
        let woken = async |partitions: &[i32]| {
            say.send(partitions.to_vec()).unwrap();
            timeout(Duration::from_secs(1), local.nudge().woken())
                .await
                .is_ok()
        };

        // The look may have left another wake-up behind.
        let _ = timeout(Duration::from_secs(1), local.nudge().woken()).await;
        assert!(!woken(&[3, 4]).await);
        assert!(woken(&[4, 2]).await);
        assert!(!local.take_decided());
        assert!(woken(&[]).await);
        assert!(local.take_decided());
        task.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_connection_is_built_again_at_growing_pauses() {
        let local = Arc::new(Local::default());
        let (say, heard) = mpsc::unbounded_channel();
        let wire = Arc::new(Wire {
            sent: Arc::default(),
            heard: Mutex::new(Some(heard)),
        });
        let task = tokio::spawn(run(wire.clone(), local.clone(), CancellationToken::new()));
        local.nudge().woken().await;

        drop(say);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let (_say, heard) = mpsc::unbounded_channel();
        *wire.heard.lock().unwrap() = Some(heard);

        let again = timeout(LONGEST_PAUSE + LIMIT, local.nudge().woken()).await;
        assert!(again.is_ok());
        task.abort();
    }
}
