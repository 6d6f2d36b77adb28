use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{VerifyBudget, VerifyCursor, VerifySlice};
use crate::{Books, ConfigError, LedgerError, metrics};

/// How an [`Auditor`] works.
#[derive(Debug, Clone)]
pub struct AuditorConfig {
    /// What one slice may do, a row at least. Default 1,000 rows, 100 ms.
    pub slice: VerifyBudget,
    /// Of the time, how much is spent on reading, in percent, 1 to 100: after a
    /// slice it pauses accordingly. Default 1.
    pub load: u32,
    /// The shortest pause, above 0. Default 100 ms.
    pub min_pause: Duration,
    /// The longest pause, also after an error; not below `min_pause`. Default 1 min.
    pub max_pause: Duration,
}

impl AuditorConfig {
    /// Says what cannot work.
    ///
    /// # Errors
    /// Names the first field that is wrong and what it must be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let load = (1..=100).contains(&self.load);
        let rules = [
            ("auditor.slice.rows", self.slice.rows >= 1, "at least 1"),
            ("auditor.load", load, "1 to 100"),
            (
                "auditor.min_pause",
                !self.min_pause.is_zero() && self.min_pause <= self.max_pause,
                "above 0, and not above max_pause",
            ),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            None => Ok(()),
            Some((field, _, must)) => Err(ConfigError { field, must }),
        }
    }

    fn pause(&self, took: Duration) -> Duration {
        let idle = 100_u32.saturating_sub(self.load);
        let pause = took.saturating_mul(idle) / self.load.max(1);
        pause.clamp(self.min_pause, self.max_pause)
    }
}

impl Default for AuditorConfig {
    fn default() -> Self {
        Self {
            slice: VerifyBudget {
                rows: 1_000,
                time: Duration::from_millis(100),
            },
            load: 1,
            min_pause: Duration::from_millis(100),
            max_pause: Duration::from_secs(60),
        }
    }
}

/// What an [`Auditor`] knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Rounds through the whole ledger that it has finished.
    pub rounds: u64,
    /// Findings of the last finished round, or of the one that runs if that has
    /// more already. Anything but 0 is an alarm.
    pub unexplained: u64,
    /// Slices in a row that failed, because of the database.
    pub failures: u64,
}

/// Verifies the ledger all the time, in slices, at a low load. Give
/// [`Auditor::run`] to a task that you own; one of all instances is enough.
///
/// Every finding is logged as an error, and the gauge
/// [`metrics::UNEXPLAINED`] is 0 as long as there is none.
pub struct Auditor {
    books: Arc<dyn Books>,
    config: AuditorConfig,
    standing: watch::Sender<Standing>,
}

impl Auditor {
    /// An auditor of a ledger.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting that cannot work.
    pub fn new(books: Arc<dyn Books>, config: AuditorConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            books,
            config,
            standing: watch::Sender::new(Standing::default()),
        })
    }

    /// What it knows now.
    pub fn standing(&self) -> Standing {
        *self.standing.borrow()
    }

    /// Audits round after round, from `cursor` on, until `shutdown`; answers
    /// with the cursor at which another run can go on.
    ///
    /// An outage of the database makes it wait and try again. Safe to drop.
    pub async fn run(&self, cursor: VerifyCursor, shutdown: CancellationToken) -> VerifyCursor {
        let mut cursor = cursor;
        loop {
            let begun = Instant::now();
            let slice = self.books.verify_some(cursor.clone(), self.config.slice);
            let slice = tokio::select! {
                biased;
                () = shutdown.cancelled() => return cursor,
                slice = slice => slice,
            };
            let pause = match slice {
                Ok(slice) => {
                    cursor = self.note(&cursor, slice);
                    self.config.pause(begun.elapsed())
                }
                Err(error) => {
                    self.note_failure(&error);
                    self.config.max_pause
                }
            };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return cursor,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn note(&self, before: &VerifyCursor, slice: VerifySlice) -> VerifyCursor {
        for finding in &slice.report.findings {
            tracing::error!(kind = finding.kind(), ?finding, "the books do not agree");
        }
        let so_far = before.progress().with(&slice.report).findings;
        let ends = slice.next.is_none();
        self.standing.send_modify(|standing| {
            standing.failures = 0;
            if ends {
                standing.rounds += 1;
                standing.unexplained = so_far;
            } else {
                standing.unexplained = standing.unexplained.max(so_far);
            }
        });
        if ends {
            ::metrics::counter!(metrics::VERIFY_ROUNDS).increment(1);
        }
        let unexplained = u32::try_from(self.standing().unexplained).unwrap_or(u32::MAX);
        ::metrics::gauge!(metrics::UNEXPLAINED).set(f64::from(unexplained));
        slice.next.unwrap_or_default()
    }

    fn note_failure(&self, error: &LedgerError) {
        tracing::warn!(%error, "a slice of verify failed; it is repeated");
        ::metrics::counter!(metrics::VERIFY_FAILURES).increment(1);
        self.standing.send_modify(|standing| standing.failures += 1);
    }
}

impl std::fmt::Debug for Auditor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auditor")
            .field("config", &self.config)
            .field("standing", &self.standing())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use gozon_core::SystemClock;
    use uuid::Uuid;

    use super::*;
    use crate::conformance::{Tamper, tamper_memory};
    use crate::memory::MemoryLedger;
    use crate::{AccountId, Asset, NewAccount, Side, Transfer, TransferId};

    fn account(n: u128) -> AccountId {
        AccountId(Uuid::from_u128(n))
    }

    async fn books() -> Arc<MemoryLedger> {
        let books = Arc::new(MemoryLedger::new(Arc::new(SystemClock)));
        let rub = Asset::new("RUB").unwrap();
        for (n, side) in [(1, Side::Debit), (2, Side::Credit)] {
            let new = NewAccount::new(account(n), rub.clone(), side, "code");
            books.open_account(&new).await.unwrap();
        }
        for n in 1..=3 {
            let transfer = Transfer::new(TransferId(Uuid::from_u128(n)), "payment")
                .debit(account(1), &rub, 5)
                .credit(account(2), &rub, 5);
            books.post(&[transfer]).await.unwrap()[0].as_ref().unwrap();
        }
        books
    }

    fn auditor(books: &Arc<MemoryLedger>) -> Auditor {
        let config = AuditorConfig {
            slice: VerifyBudget {
                rows: 2,
                ..VerifyBudget::default()
            },
            ..AuditorConfig::default()
        };
        Auditor::new(Arc::clone(books) as Arc<dyn Books>, config).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn it_goes_round_after_round_and_finds_what_appears() {
        let books = books().await;
        let auditor = auditor(&books);
        let (shutdown, mut standing) = (CancellationToken::new(), auditor.standing.subscribe());
        let watch = async {
            let clean = *standing.wait_for(|now| now.rounds == 2).await.unwrap();
            tamper_memory(&books, Tamper::OneCounter(account(2)));
            let broken = *standing.wait_for(|now| now.rounds == 4).await.unwrap();
            shutdown.cancel();
            (clean, broken)
        };

        let ((clean, broken), cursor) = tokio::join!(
            watch,
            auditor.run(VerifyCursor::default(), shutdown.clone())
        );

        assert_eq!((clean.unexplained, clean.failures), (0, 0));
        // The asset does not balance, and the counters differ.
        assert_eq!(broken.unexplained, 2);
        assert_eq!(cursor.progress(), VerifyCursor::default().progress());
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_goes_on_where_the_last_one_stopped() {
        let books = books().await;
        let first = auditor(&books);
        let shutdown = CancellationToken::new();
        let mut standing = first.standing.subscribe();
        let stop = async {
            // Two slices of several.
            standing.changed().await.unwrap();
            standing.changed().await.unwrap();
            shutdown.cancel();
        };
        let (cursor, ()) = tokio::join!(first.run(VerifyCursor::default(), shutdown.clone()), stop);
        assert_ne!(cursor, VerifyCursor::default());

        let text = serde_json::to_string(&cursor).unwrap();
        let cursor: VerifyCursor = serde_json::from_str(&text).unwrap();
        let second = auditor(&books);
        let shutdown = CancellationToken::new();
        let mut standing = second.standing.subscribe();
        let stop = async {
            standing.wait_for(|now| now.rounds == 1).await.unwrap();
            shutdown.cancel();
        };
        tokio::join!(second.run(cursor, shutdown.clone()), stop);

        assert_eq!(second.standing().unexplained, 0);
    }

    #[test]
    fn a_pause_keeps_the_load_within_its_bounds() {
        let config = AuditorConfig::default();

        assert_eq!(
            config.pause(Duration::from_millis(20)),
            Duration::from_millis(1_980)
        );
        assert_eq!(config.pause(Duration::ZERO), config.min_pause);
        assert_eq!(config.pause(Duration::from_secs(9)), config.max_pause);
        let busy = AuditorConfig {
            load: 100,
            ..AuditorConfig::default()
        };
        assert_eq!(busy.pause(Duration::from_secs(9)), busy.min_pause);
        assert!(config.validate().is_ok());
        let wrong = AuditorConfig { load: 0, ..config };
        assert_eq!(wrong.validate().unwrap_err().field, "auditor.load");
    }
}
