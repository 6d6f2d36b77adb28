use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gozon_inbox::store::{Claim, RequestStore};
use gozon_inbox::{RequestKey, StoredAnswer};
use gozon_sqlx::DbError;
use sqlx::SqliteConnection;

use super::Fault;

pub(super) struct Broken {
    fault: Fault,
    sound: Arc<dyn RequestStore<SqliteConnection>>,
    /// What is remembered outside the transaction.
    remembered: Mutex<HashMap<String, Option<StoredAnswer>>>,
}

impl Broken {
    pub(super) fn new(fault: Fault, sound: Arc<dyn RequestStore<SqliteConnection>>) -> Self {
        Self {
            fault,
            sound,
            remembered: Mutex::default(),
        }
    }

    fn key(&self, key: &RequestKey) -> RequestKey {
        let mut key = key.clone();
        if self.fault == Fault::SharesKeys {
            key.user = "everyone".into();
            key.route = "anything".into();
        }
        key
    }
}

fn name(key: &RequestKey) -> String {
    format!("{} {} {}", key.user, key.route, key.key)
}

#[async_trait]
impl RequestStore<SqliteConnection> for Broken {
    async fn claim(
        &self,
        tx: &mut SqliteConnection,
        key: &RequestKey,
        keep: Duration,
        wait: Duration,
    ) -> Result<Claim, DbError> {
        let key = self.key(key);
        let keep = match self.fault {
            Fault::KeysNeverExpire => Duration::from_secs(1_000_000_000),
            _ => keep,
        };
        match self.fault {
            Fault::EveryKeyIsFresh => {
                sqlx::query("DELETE FROM gozon_inbox_requests")
                    .execute(&mut *tx)
                    .await?;
            }
            Fault::RemembersKeys => {
                let mut remembered = self.remembered.lock().unwrap();
                if remembered.insert(name(&key), None).is_some() {
                    return Ok(Claim::InProgress);
                }
            }
            Fault::AnswersOutsideTheTransaction => {
                let remembered = self.remembered.lock().unwrap().get(&name(&key)).cloned();
                if let Some(Some(answer)) = remembered {
                    let fingerprint = key.fingerprint.to_vec();
                    return Ok(Claim::Taken {
                        fingerprint,
                        answer,
                    });
                }
            }
            _ => {}
        }
        let claim = self.sound.claim(tx, &key, keep, wait).await?;
        Ok(match (self.fault, claim) {
            (Fault::IgnoresFingerprints, Claim::Taken { answer, .. }) => Claim::Taken {
                fingerprint: key.fingerprint.to_vec(),
                answer,
            },
            (_, claim) => claim,
        })
    }

    async fn store(
        &self,
        tx: &mut SqliteConnection,
        key: &RequestKey,
        answer: &StoredAnswer,
    ) -> Result<(), DbError> {
        let key = self.key(key);
        if self.fault == Fault::AnswersOutsideTheTransaction {
            let mut remembered = self.remembered.lock().unwrap();
            remembered.insert(name(&key), Some(answer.clone()));
        }
        self.sound.store(tx, &key, answer).await
    }
}
