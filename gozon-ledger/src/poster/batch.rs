use std::sync::Arc;
use std::time::Duration;

use gozon_core::ErrorClass;
use gozon_sqlx::DbError;
use tokio::time::Instant;
use uuid::Uuid;

use super::queue::Group;
use super::{PostBatch, PosterConfig, PosterError};
use crate::{LedgerError, Outcomes, Transfer, metrics};

/// Posts what waited together and answers each group.
pub(super) struct Batches {
    pub(super) ledger: Box<dyn PostBatch>,
    pub(super) config: PosterConfig,
}

impl Batches {
    /// Returns when every group has its answer.
    pub(super) async fn post(&self, groups: Vec<Group>) {
        let mut groups: Vec<Group> = groups.into_iter().filter_map(still_wanted).collect();
        if groups.is_empty() {
            return;
        }
        for group in &groups {
            ::metrics::histogram!(metrics::POSTER_WAIT_SECONDS).record(group.arrived.elapsed());
        }
        let sizes: Vec<usize> = groups.iter().map(|group| group.transfers.len()).collect();
        let all: Vec<Transfer> = groups
            .iter_mut()
            .flat_map(|group| std::mem::take(&mut group.transfers))
            .collect();
        let size = u32::try_from(all.len()).unwrap_or(u32::MAX);
        ::metrics::histogram!(metrics::POSTER_BATCH).record(f64::from(size));

        match self.persist(&all).await {
            Ok(mut outcomes) => {
                for (group, size) in groups.into_iter().zip(sizes) {
                    let rest = outcomes.split_off(size.min(outcomes.len()));
                    answer(group, Ok(std::mem::replace(&mut outcomes, rest)));
                }
            }
            Err(error) if groups.len() == 1 || is_outage(&error) => fail(groups, error),
            Err(error) => {
                tracing::warn!(%error, groups = groups.len(), "a batch failed; posting its groups one by one");
                ::metrics::counter!(metrics::POSTER_SPLIT).increment(1);
                self.one_by_one(groups, &sizes, &all).await;
            }
        }
    }

    /// Whatever was wrong with one of them is now its own affair.
    async fn one_by_one(&self, groups: Vec<Group>, sizes: &[usize], all: &[Transfer]) {
        let mut rest = all;
        let mut groups = groups.into_iter().zip(sizes);
        while let Some((group, size)) = groups.next() {
            let (own, others) = rest.split_at((*size).min(rest.len()));
            rest = others;
            let Some(group) = still_wanted(group) else {
                continue;
            };
            match self.persist(own).await {
                Ok(outcomes) => answer(group, Ok(outcomes)),
                Err(error) if is_outage(&error) => {
                    // The others would each wait for the same database.
                    let left = groups.map(|(group, _)| group);
                    return fail(std::iter::once(group).chain(left), error);
                }
                Err(error) => fail([group], error),
            }
        }
    }

    /// Begins again while other transactions are in the way, with pauses that
    /// let them pass.
    async fn persist(&self, transfers: &[Transfer]) -> Result<Outcomes, LedgerError> {
        let mut pause = self.config.backoff;
        let mut attempt = 1;
        loop {
            match self.ledger.post_batch(transfers).await {
                Ok(outcomes) if outcomes.len() != transfers.len() => {
                    return Err(LedgerError::Corrupt(format!(
                        "{} outcomes for {} transfers",
                        outcomes.len(),
                        transfers.len()
                    )));
                }
                Err(LedgerError::Contention(error)) if attempt < self.config.attempts => {
                    tracing::debug!(attempt, %error, "another transaction is in the way of a batch");
                    ::metrics::counter!(metrics::POSTER_CONTENDED).increment(1);
                    tokio::time::sleep(jittered(pause)).await;
                    pause = (pause * 2).min(PosterConfig::MAX_BACKOFF);
                    attempt += 1;
                }
                done => return done,
            }
        }
    }
}

/// A group whose caller has gone, or has waited long enough, is not posted.
fn still_wanted(group: Group) -> Option<Group> {
    if group.answer.is_closed() {
        ::metrics::counter!(metrics::POSTER_GROUPS, "outcome" => "abandoned").increment(1);
        return None;
    }
    if group.deadline <= Instant::now() {
        fail_with(group, PosterError::TimedOut);
        return None;
    }
    Some(group)
}

fn answer(group: Group, outcomes: Result<Outcomes, PosterError>) {
    let outcome = match &outcomes {
        Ok(_) => "answered",
        Err(error) => error.kind(),
    };
    ::metrics::counter!(metrics::POSTER_GROUPS, "outcome" => outcome).increment(1);
    ::metrics::histogram!(metrics::POSTER_SECONDS).record(group.arrived.elapsed());
    // Whoever gave up meanwhile needs no answer; the books have it.
    let _ = group.answer.send(outcomes);
}

fn fail_with(group: Group, error: PosterError) {
    answer(group, Err(error));
}

/// One error for all of them; it cannot be cloned, so they share it.
fn fail(groups: impl IntoIterator<Item = Group>, error: LedgerError) {
    let error = Arc::new(error);
    for group in groups {
        fail_with(group, PosterError::Failed(Arc::clone(&error)));
    }
}

/// The database is away, for everyone: no group has caused it, and none would
/// fare better alone. Any other error may be the fault of one group, also a
/// lock that it waited for in vain.
fn is_outage(error: &LedgerError) -> bool {
    match error {
        LedgerError::Db(database) if database.class() == ErrorClass::Retry => match database {
            DbError::Sqlx(sqlx::Error::Database(error)) => match error.code() {
                // Connection lost, out of resources, shutting down, disk failure:
                // https://www.postgresql.org/docs/current/errcodes-appendix.html
                Some(code) if code.len() == 5 => ["08", "53", "57P", "58"]
                    .iter()
                    .any(|class| code.starts_with(class)),
                // SQLite: there is one lock, and everyone needs it.
                _ => true,
            },
            _ => true,
        },
        LedgerError::Db(_)
        | LedgerError::Contention(_)
        | LedgerError::Overtaken { .. }
        | LedgerError::Guarded(_)
        | LedgerError::BatchTooLarge { .. }
        | LedgerError::AccountConflict { .. }
        | LedgerError::InvalidAccount { .. }
        | LedgerError::Change(_)
        | LedgerError::UnknownStatus { .. }
        | LedgerError::Corrupt(_) => false,
    }
}

/// Between half of the pause and all of it, so that two posters that met do not
/// meet again.
fn jittered(pause: Duration) -> Duration {
    let random = u32::from(Uuid::new_v4().as_bytes()[0]);
    pause / 2 + pause / 2 * random / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_shortened_by_a_half_at_most() {
        let pause = Duration::from_millis(10);
        for _ in 0..1_000 {
            let jittered = jittered(pause);
            assert!(jittered >= pause / 2 && jittered <= pause, "{jittered:?}");
        }
    }
}
