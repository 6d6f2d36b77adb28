//! A ledger that checks the floor before it locks, as many have: it reads what
//! there is, decides, and only then takes its turn, adding to whatever it finds.
//! The rules about many callers must catch it.

use std::sync::Arc;

use async_trait::async_trait;
use gozon_ledger::conformance::{Tamper, concurrency, hand_clock};
use gozon_ledger::rules::{Changes, Recorded};
use gozon_ledger::store::{
    AccountIdentity, AssetTotals, AuditEntry, AuditReservation, EntryRange, LedgerDatabase,
    LedgerStore,
};
use gozon_ledger::{
    Account, AccountId, AccountState, AsOf, Balance, ChangeRow, Entry, LedgerConfig, LedgerError,
    NewAccount, PastBalance, RecordedChange, Side, TransferId,
};
use gozon_sqlx::Postgres;
use sqlx::PgConnection;
use time::OffsetDateTime;
use tokio::sync::Barrier;

struct ChecksFirst {
    store: Arc<dyn LedgerStore<PgConnection>>,
    /// Four have read before the first of them goes on, which four connections
    /// do by themselves now and then.
    readers: Barrier,
}

#[async_trait]
impl LedgerStore<PgConnection> for ChecksFirst {
    async fn lock_accounts(
        &self,
        tx: &mut PgConnection,
        accounts: &[AccountId],
        _named: &[TransferId],
    ) -> Result<Vec<Account>, LedgerError> {
        let mut found = Vec::new();
        for id in accounts {
            let page = self.store.audit_accounts(tx, *id, 1).await?;
            found.extend(page.into_iter().filter(|account| account.id == *id));
        }
        if found.iter().all(|account| account.floor.is_some()) {
            self.readers.wait().await; // A payment between users.
        }
        Ok(found)
    }

    async fn write(&self, tx: &mut PgConnection, changes: &Changes) -> Result<(), LedgerError> {
        let mut changes = changes.clone();
        let ids: Vec<AccountId> = changes.accounts.iter().map(|row| row.id).collect();
        for account in self.store.lock_accounts(tx, &ids, &[]).await? {
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
        self.store.write(tx, &changes).await
    }

    async fn insert_account(
        &self,
        tx: &mut PgConnection,
        account: &NewAccount,
        opened_at: OffsetDateTime,
    ) -> Result<bool, LedgerError> {
        self.store.insert_account(tx, account, opened_at).await
    }

    async fn identity(
        &self,
        tx: &mut PgConnection,
        account: AccountId,
    ) -> Result<Option<AccountIdentity>, LedgerError> {
        self.store.identity(tx, account).await
    }

    async fn account_state(
        &self,
        tx: &mut PgConnection,
        account: AccountId,
    ) -> Result<Option<AccountState>, LedgerError> {
        self.store.account_state(tx, account).await
    }

    async fn write_account_change(
        &self,
        tx: &mut PgConnection,
        change: &ChangeRow,
    ) -> Result<(), LedgerError> {
        self.store.write_account_change(tx, change).await
    }

    async fn account_changes(
        &self,
        tx: &mut PgConnection,
        account: AccountId,
        before: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<RecordedChange>, LedgerError> {
        self.store.account_changes(tx, account, before, limit).await
    }

    async fn find_transfers(
        &self,
        tx: &mut PgConnection,
        transfers: &[TransferId],
        named: &[TransferId],
    ) -> Result<Vec<Recorded>, LedgerError> {
        self.store.find_transfers(tx, transfers, named).await
    }

    async fn balances(
        &self,
        tx: &mut PgConnection,
        accounts: &[AccountId],
    ) -> Result<Vec<(AccountId, Balance)>, LedgerError> {
        self.store.balances(tx, accounts).await
    }

    async fn due_holds(
        &self,
        tx: &mut PgConnection,
        now: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<TransferId>, LedgerError> {
        self.store.due_holds(tx, now, limit).await
    }

    async fn statement(
        &self,
        tx: &mut PgConnection,
        account: AccountId,
        before: i64,
        limit: u32,
    ) -> Result<Vec<Entry>, LedgerError> {
        self.store.statement(tx, account, before, limit).await
    }

    async fn balance_at(
        &self,
        tx: &mut PgConnection,
        account: AccountId,
        as_of: AsOf,
    ) -> Result<Option<PastBalance>, LedgerError> {
        self.store.balance_at(tx, account, as_of).await
    }

    async fn audit_accounts(
        &self,
        tx: &mut PgConnection,
        from: AccountId,
        limit: u32,
    ) -> Result<Vec<Account>, LedgerError> {
        self.store.audit_accounts(tx, from, limit).await
    }

    async fn audit_entries(
        &self,
        tx: &mut PgConnection,
        range: EntryRange,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, LedgerError> {
        self.store.audit_entries(tx, range, limit).await
    }

    async fn audit_reservations(
        &self,
        tx: &mut PgConnection,
        range: EntryRange,
        limit: u32,
    ) -> Result<Vec<AuditReservation>, LedgerError> {
        self.store.audit_reservations(tx, range, limit).await
    }

    async fn audit_transfers(
        &self,
        tx: &mut PgConnection,
        from: TransferId,
        limit: u32,
    ) -> Result<Vec<Recorded>, LedgerError> {
        self.store.audit_transfers(tx, from, limit).await
    }

    async fn audit_assets(&self, tx: &mut PgConnection) -> Result<Vec<AssetTotals>, LedgerError> {
        self.store.audit_assets(tx).await
    }

    async fn audit_open_holds(
        &self,
        tx: &mut PgConnection,
        from: TransferId,
        last: TransferId,
    ) -> Result<Vec<TransferId>, LedgerError> {
        self.store.audit_open_holds(tx, from, last).await
    }
}

/// Without the constraints of the database, which would refuse what it writes:
/// the suite has to see it by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_checks_the_floor_before_it_locks_is_caught() {
    let (db, ledger) = super::open(LedgerConfig::default()).await;
    for name in Tamper::GUARDS {
        let drop = format!("ALTER TABLE gozon_ledger_accounts DROP CONSTRAINT {name}");
        // The text comes from the suite, not from outside.
        sqlx::query(sqlx::AssertSqlSafe(drop))
            .execute(db.writer())
            .await
            .unwrap();
    }
    let broken = ledger.with_store(Arc::new(ChecksFirst {
        store: Postgres::store(),
        readers: Barrier::new(4),
    }));
    let (_, hand) = hand_clock();
    let subject = super::OnPostgres { db, ledger: broken };

    let rule = tokio::spawn(async move {
        concurrency::of_64_parallel_payments_from_an_account_that_can_pay_ten_ten_are_posted(
            &subject, &hand,
        )
        .await;
    });

    let panic = rule.await.unwrap_err().into_panic();
    let said = panic.downcast_ref::<String>().unwrap();
    assert!(said.contains("right: 10"), "{said}");
}
