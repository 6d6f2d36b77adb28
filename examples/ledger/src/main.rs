//! Money between two accounts: booked once, never below the floor, provable.
//! `cargo run -p gozon-example-ledger`

use anyhow::{Context, ensure};
use gozon_ledger::{
    AccountId, Asset, Ledger, LedgerConfig, NewAccount, PostError, Side, Transfer, TransferId,
};
use gozon_sqlx::sqlite;
use uuid::Uuid;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let db = sqlite::open(&folder.path().join("money.db"), &Default::default()).await?;
    let ledger = Ledger::new(db, LedgerConfig::default())?;
    ledger.migrate().await?;

    // Amounts are whole minor units: 24.90 RUB is 2_490. What we owe a user is
    // a credit; where the money came from is a debit.
    let rub = Asset::new("RUB")?;
    let [bank, alice, bob] = [(); 3].map(|()| AccountId(Uuid::now_v7()));
    for account in [
        NewAccount::new(bank, rub.clone(), Side::Debit, "bank"),
        NewAccount::new(alice, rub.clone(), Side::Credit, "user").with_floor(0),
        NewAccount::new(bob, rub.clone(), Side::Credit, "user").with_floor(0),
    ] {
        ledger.open_account(&account).await?;
    }
    let topup = Transfer::new(TransferId(Uuid::now_v7()), "topup")
        .debit(bank, &rub, 10_000)
        .credit(alice, &rub, 10_000);
    let gift = Transfer::new(TransferId(Uuid::now_v7()), "gift")
        .debit(alice, &rub, 2_490)
        .credit(bob, &rub, 2_490);
    let outcomes = ledger.post(&[topup, gift.clone()]).await?;
    ensure!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");

    // The same transfer again, after a timeout perhaps, moves nothing.
    let again = ledger.post(&[gift]).await?;
    ensure!(
        matches!(&again[..], [Ok(posted)] if posted.replayed),
        "{again:?}"
    );

    // A floor is never broken, and the refusal says how much there was.
    let greedy = Transfer::new(TransferId(Uuid::now_v7()), "gift")
        .debit(alice, &rub, 10_000)
        .credit(bob, &rub, 10_000);
    let refused = ledger.post(&[greedy]).await?;
    ensure!(
        matches!(
            &refused[..],
            [Err(PostError::InsufficientFunds {
                available: 7_510,
                ..
            })]
        ),
        "{refused:?}"
    );

    for entry in ledger.statement(alice, None, 10).await? {
        println!("{:>8} {:>8}  {}", entry.amount, entry.balance, entry.code);
    }
    let balance = ledger.balance(bob).await?.context("no account")?;
    ensure!(balance.posted == 2_490, "{balance:?}");
    ensure!(ledger.verify().await?.is_clean(), "the books do not agree");
    Ok(())
}
