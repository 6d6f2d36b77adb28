//! Ledgers on SQLite with one fault each in what joins the caller's transaction:
//! the rules about it must notice.

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use gozon_ledger::conformance::{Flaw, Flawed, TRANSACTION_RULES, transactions};
use gozon_ledger::rules::{Changes, Recorded};
use gozon_ledger::store::{LedgerDatabase, LedgerStore};
use gozon_ledger::{
    Account, AccountId, Balance, Ledger, LedgerConfig, LedgerError, NewAccount, TransferId,
};
use gozon_sqlx::{Db, Sqlite};
use sqlx::{Executor, SqliteConnection};
use time::OffsetDateTime;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Nothing.
    None,
    /// What is posted is not the caller's transaction's.
    CommitsByItself,
    /// Loads accounts without limits: the database will refuse by itself.
    LeavesLimitsToTheDatabase,
    /// Takes an account that is not there for a failure.
    FailsForTheMissing,
    /// Loads accounts through a connection of its own.
    LoadsOutside,
    /// Finds every account open already.
    TakesTheNewForOld,
    /// Asks for balances through a connection of its own.
    AsksOutside,
    /// Answers for accounts that are not there.
    InventsAccounts,
    /// Stops at the first account that is not there.
    StopsAtTheMissing,
    /// Takes as many transfers as fit on a page of its own.
    WritesOnePage,
    /// Looks as many transfers up.
    FindsOnePage,
    /// Its tables have no constraints.
    HasNoConstraints,
}

/// Less than the largest batch.
const PAGE: usize = 512;

/// A way to be wrong, and the rule that must notice it.
struct Broken {
    fault: Fault,
    rule: &'static str,
    check: fn(Db<Sqlite>, Ledger<Sqlite>) -> Checked,
}

type Checked = Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! broken {
    ($($fault:ident => $rule:ident,)+) => {
        &[$(Broken {
            fault: Fault::$fault,
            rule: stringify!($rule),
            check: |db, ledger| {
                Box::pin(async move { transactions::$rule(&db, &ledger).await })
            },
        }),+]
    };
}

const BROKEN: &[Broken] = broken![
    CommitsByItself => a_rollback_removes_everything,
    LeavesLimitsToTheDatabase => a_refusal_does_not_fail_the_transaction,
    FailsForTheMissing => a_refusal_does_not_fail_the_transaction,
    LoadsOutside => an_account_can_be_opened_and_used_in_one_transaction,
    TakesTheNewForOld => an_account_can_be_opened_and_used_in_one_transaction,
    AsksOutside => a_transaction_sees_its_own_postings_and_others_do_not,
    CommitsByItself => a_transaction_sees_its_own_postings_and_others_do_not,
    InventsAccounts => existing_accounts_are_told_from_missing_ones,
    StopsAtTheMissing => existing_accounts_are_told_from_missing_ones,
    WritesOnePage => a_large_batch_is_posted_whole,
    FindsOnePage => a_large_batch_is_posted_whole,
    HasNoConstraints => the_database_guards_the_limits_by_itself,
];

/// The wrapper itself breaks nothing.
const SOUND: &[Broken] = broken![
    None => a_rollback_removes_everything,
    None => a_refusal_does_not_fail_the_transaction,
    None => an_account_can_be_opened_and_used_in_one_transaction,
    None => a_transaction_sees_its_own_postings_and_others_do_not,
    None => existing_accounts_are_told_from_missing_ones,
    None => a_large_batch_is_posted_whole,
    None => the_database_guards_the_limits_by_itself,
];

impl Broken {
    /// What the rule says when it notices.
    async fn is_caught(&self) -> Option<String> {
        let (db, ledger, _folder) = super::open(LedgerConfig::default()).await;
        if self.fault == Fault::HasNoConstraints {
            // Of the one connection that writes.
            db.writer()
                .execute("PRAGMA ignore_check_constraints = ON")
                .await
                .unwrap();
        }
        let flaw = OnSqlite {
            db: db.clone(),
            fault: self.fault,
        };
        let store = Arc::new(Flawed::new(Sqlite::store(), flaw));
        // A task, so that a panic is an answer.
        let rule = tokio::spawn((self.check)(db, ledger.with_store(store)));
        let panic = rule.await.err()?.into_panic();
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Some(text.unwrap_or("?").lines().collect::<Vec<_>>().join(" "))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_in_the_callers_transaction_is_caught_by_its_rule() {
    let mut escaped = Vec::new();
    for broken in BROKEN {
        let Broken { fault, rule, .. } = broken;
        match broken.is_caught().await {
            Some(said) => println!("{fault:?} is caught by {rule}: {said}"),
            None => escaped.push((fault, rule)),
        }
    }

    assert!(escaped.is_empty(), "not caught: {escaped:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_store_keeps_every_rule_about_the_callers_transaction() {
    for sound in SOUND {
        assert_eq!(sound.is_caught().await, None, "{}", sound.rule);
    }
}

#[test]
fn every_rule_about_the_callers_transaction_has_a_store_that_breaks_it() {
    let named = |tries: &[Broken], rule| tries.iter().any(|one| one.rule == rule);
    let unproved: Vec<_> = TRANSACTION_RULES
        .iter()
        .filter(|rule| !named(BROKEN, **rule) || !named(SOUND, **rule))
        .collect();

    assert!(unproved.is_empty(), "not proved: {unproved:#?}");
}

/// The fault in the store of SQLite.
struct OnSqlite {
    db: Db<Sqlite>,
    fault: Fault,
}

impl OnSqlite {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }
}

#[async_trait]
impl Flaw<SqliteConnection> for OnSqlite {
    async fn insert_account(
        &self,
        sound: &dyn LedgerStore<SqliteConnection>,
        tx: &mut SqliteConnection,
        account: &NewAccount,
        opened_at: OffsetDateTime,
    ) -> Result<bool, LedgerError> {
        let inserted = sound.insert_account(tx, account, opened_at).await?;
        Ok(inserted && !self.is(Fault::TakesTheNewForOld))
    }

    async fn lock_accounts(
        &self,
        sound: &dyn LedgerStore<SqliteConnection>,
        tx: &mut SqliteConnection,
        accounts: &[AccountId],
        named: &[TransferId],
    ) -> Result<Vec<Account>, LedgerError> {
        if self.is(Fault::LoadsOutside) {
            let mut other = self.db.reader().acquire().await?;
            return sound.lock_accounts(&mut other, accounts, named).await;
        }
        let mut found = sound.lock_accounts(tx, accounts, named).await?;
        if self.is(Fault::FailsForTheMissing) && found.len() < accounts.len() {
            return Err(LedgerError::Corrupt("an account is missing".to_owned()));
        }
        if self.is(Fault::LeavesLimitsToTheDatabase) {
            for account in &mut found {
                (account.floor, account.ceiling) = (None, None);
            }
        }
        Ok(found)
    }

    async fn find_transfers(
        &self,
        sound: &dyn LedgerStore<SqliteConnection>,
        tx: &mut SqliteConnection,
        transfers: &[TransferId],
        named: &[TransferId],
    ) -> Result<Vec<Recorded>, LedgerError> {
        let asked = match self.is(Fault::FindsOnePage) {
            true => &transfers[..transfers.len().min(PAGE)],
            false => transfers,
        };
        sound.find_transfers(tx, asked, named).await
    }

    async fn write(
        &self,
        sound: &dyn LedgerStore<SqliteConnection>,
        tx: &mut SqliteConnection,
        changes: &Changes,
    ) -> Result<(), LedgerError> {
        let mut changes = changes.clone();
        if self.is(Fault::WritesOnePage) {
            changes.transfers.truncate(PAGE);
            changes.entries.truncate(2 * PAGE);
        }
        sound.write(tx, &changes).await?;
        if self.is(Fault::CommitsByItself) {
            tx.execute("COMMIT").await?;
            tx.execute("BEGIN IMMEDIATE").await?;
        }
        Ok(())
    }

    async fn balances(
        &self,
        sound: &dyn LedgerStore<SqliteConnection>,
        tx: &mut SqliteConnection,
        accounts: &[AccountId],
    ) -> Result<Vec<(AccountId, Balance)>, LedgerError> {
        if self.is(Fault::AsksOutside) {
            let mut other = self.db.reader().acquire().await?;
            return sound.balances(&mut other, accounts).await;
        }
        let mut found = sound.balances(tx, accounts).await?;
        let is_there = |id: &AccountId, found: &[(AccountId, Balance)]| {
            found.iter().any(|(account, _)| account == id)
        };
        if self.is(Fault::InventsAccounts)
            && let Some((_, sample)) = found.first().copied()
        {
            let missing: Vec<_> = accounts
                .iter()
                .filter(|id| !is_there(id, &found))
                .map(|id| (*id, sample))
                .collect();
            found.extend(missing);
        }
        if self.is(Fault::StopsAtTheMissing) {
            let until = accounts.iter().take_while(|id| is_there(id, &found));
            let until: Vec<AccountId> = until.copied().collect();
            found.retain(|(account, _)| until.contains(account));
        }
        Ok(found)
    }
}
