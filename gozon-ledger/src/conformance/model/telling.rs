//! What happened, in text that is the same for every store.

use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::{PostError, Posted, Transfer};

/// A line of a statement, as the history tells it.
pub(crate) fn line(amount: i128, balance: i128, at: OffsetDateTime, of: &Transfer) -> String {
    let (at, id, code) = (micros(at), of.id, &of.code);
    format!("{amount} {balance} {at} {id} {code} {}", of.reference)
}

/// An outcome in one line.
pub(crate) fn tell(outcome: &Result<Posted, PostError>) -> String {
    match outcome {
        Err(refused) => format!("refused: {}", refused.kind()),
        Ok(posted) => {
            let mut balances = posted.balances.clone();
            balances.sort_unstable_by_key(|(id, _)| *id);
            let balances: Vec<String> = balances
                .iter()
                .map(|(id, now)| {
                    let (n, version) = (id.0.as_u128() & 0xFFFF, now.version);
                    format!(
                        "{n}={}+{}-{}@{version}",
                        now.posted, now.incoming, now.outgoing
                    )
                })
                .collect();
            let how = if posted.replayed {
                "replayed"
            } else {
                "posted"
            };
            let at = micros(posted.recorded_at);
            format!("{how}: {} at {at}", balances.join(" "))
        }
    }
}

/// All that happened, in 32 bytes: the same for the same seed, everywhere.
#[derive(Debug, Default)]
pub(crate) struct History(Sha256);

impl History {
    pub(crate) fn note(&mut self, lines: &[String]) {
        for line in lines {
            self.0.update(line.as_bytes());
            self.0.update([0]);
        }
    }

    pub(crate) fn hash(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

pub(super) fn micros(time: OffsetDateTime) -> i128 {
    time.unix_timestamp_nanos() / 1_000
}
