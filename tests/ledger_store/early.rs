//! A ledger that checks the floor before it locks, as many have: it reads what
//! there is, decides, and only then takes its turn, adding to whatever it finds.
//! The rules about many callers must catch it.

use std::sync::Arc;

use async_trait::async_trait;
use gozon_ledger::conformance::{Flaw, Flawed, Tamper, concurrency, hand_clock};
use gozon_ledger::rules::Changes;
use gozon_ledger::store::{LedgerDatabase, LedgerStore};
use gozon_ledger::{Account, AccountId, LedgerConfig, LedgerError, Side, TransferId};
use gozon_sqlx::Postgres;
use sqlx::PgConnection;
use tokio::sync::Barrier;

struct ChecksFirst {
    /// Four have read before the first of them goes on, which four connections
    /// do by themselves now and then.
    readers: Barrier,
}

#[async_trait]
impl Flaw<PgConnection> for ChecksFirst {
    async fn lock_accounts(
        &self,
        sound: &dyn LedgerStore<PgConnection>,
        tx: &mut PgConnection,
        accounts: &[AccountId],
        _named: &[TransferId],
    ) -> Result<Vec<Account>, LedgerError> {
        let mut found = Vec::new();
        for id in accounts {
            let page = sound.audit_accounts(tx, *id, 1).await?;
            found.extend(page.into_iter().filter(|account| account.id == *id));
        }
        if found.iter().all(|account| account.floor.is_some()) {
            self.readers.wait().await; // A payment between users.
        }
        Ok(found)
    }

    async fn write(
        &self,
        sound: &dyn LedgerStore<PgConnection>,
        tx: &mut PgConnection,
        changes: &Changes,
    ) -> Result<(), LedgerError> {
        let mut changes = changes.clone();
        let ids: Vec<AccountId> = changes.accounts.iter().map(|row| row.id).collect();
        for account in sound.lock_accounts(tx, &ids, &[]).await? {
            let mut now = account.clone();
            for entry in &mut changes.entries {
                if entry.account != now.id {
                    continue;
                }
                if (entry.amount > 0) == (now.normal == Side::Debit) {
                    now.debits += entry.amount.abs();
                } else {
                    now.credits += entry.amount.abs();
                }
                now.version += 1;
                entry.version = now.version;
                entry.balance = now.balance().posted;
            }
            let row = changes.accounts.iter_mut().find(|row| row.id == now.id);
            let row = row.unwrap();
            row.previous_version = account.version;
            (row.version, row.debits, row.credits) = (now.version, now.debits, now.credits);
        }
        sound.write(tx, &changes).await
    }
}

/// Nothing is wrong: what catches this one catches the wrapper.
struct Sound;

impl Flaw<PgConnection> for Sound {}

/// Runs the rule on a ledger with this flaw, without the constraints of the
/// database, which would refuse what it writes: the suite has to see it by
/// itself. `Err` is what the rule said.
async fn tried(flaw: impl Flaw<PgConnection> + 'static) -> Result<(), String> {
    let (db, ledger) = super::open(LedgerConfig::default()).await;
    for name in Tamper::GUARDS {
        let drop = format!("ALTER TABLE gozon_ledger_accounts DROP CONSTRAINT {name}");
        // The text comes from the suite, not from outside.
        sqlx::query(sqlx::AssertSqlSafe(drop))
            .execute(db.writer())
            .await
            .unwrap();
    }
    let ledger = ledger.with_store(Arc::new(Flawed::new(Postgres::store(), flaw)));
    let (_, hand) = hand_clock();
    let subject = super::OnPostgres { db, ledger };

    let rule = tokio::spawn(async move {
        concurrency::of_64_parallel_payments_from_an_account_that_can_pay_ten_ten_are_posted(
            &subject, &hand,
        )
        .await;
    });
    rule.await.map_err(|lost| {
        let panic = lost.into_panic();
        panic.downcast_ref::<String>().unwrap().clone()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_checks_the_floor_before_it_locks_is_caught() {
    let flaw = ChecksFirst {
        readers: Barrier::new(4),
    };

    let said = tried(flaw).await.unwrap_err();
    assert!(said.contains("right: 10"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_ledger_passes_through_the_wrapper_of_the_broken_one() {
    assert_eq!(tried(Sound).await, Ok(()));
}
